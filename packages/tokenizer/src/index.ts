export { DecodeStream } from "./decoders/decode-stream.js";
export { type DecodeOptions, type EncodeOptions, TokenizerPipeline } from "./tokenizer-pipeline.js";
