export { DecodeStream } from "./decoders/decode-stream.js";
export { TokenLimitError } from "./token-limit-error.js";
export { type DecodeOptions, type EncodeOptions, TokenizerPipeline } from "./tokenizer-pipeline.js";
