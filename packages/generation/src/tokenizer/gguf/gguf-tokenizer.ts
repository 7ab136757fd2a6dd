import { GgufCheckpoint, type GgufMetadata } from "@elastic-attention/tensor";
import { TokenizerPipeline } from "@elastic-attention/tokenizer";
import type { TokenCodec, TokenizerParts } from "../token-codec.js";
import { byteLevelTokenizer } from "./byte-level-tokenizer.js";
import { type GgufVocabulary, readVocabulary } from "./gguf-vocabulary.js";
import { SentencepieceCodec } from "./sentencepiece-codec.js";

/**
 * Reads the tokenizer and the chat template of a GGUF file.
 * @throws GgufFormatError, CheckpointLayoutError, GgufMetadataError for a kind of tokenizer that is not supported and for
 *   lists that contradict each other
 */
export function readGgufTokenizer(path: string): TokenizerParts {
  using checkpoint = GgufCheckpoint.open(path);
  return ggufTokenizer(checkpoint.metadata);
}

/** The same from metadata whose file is open. @throws GgufMetadataError */
export function ggufTokenizer(metadata: GgufMetadata): TokenizerParts {
  const vocabulary = readVocabulary(metadata);
  const template = "tokenizer.chat_template";
  const config = templateTokens(vocabulary);
  return {
    codec: makeCodec(metadata, vocabulary, config),
    config,
    chatTemplate: metadata.has(template) ? metadata.string(template) : undefined,
    endOfText: vocabulary.endOfText,
  };
}

function makeCodec(metadata: GgufMetadata, vocabulary: GgufVocabulary, config: Readonly<Record<string, unknown>>): TokenCodec {
  const model = "tokenizer.ggml.model";
  switch (metadata.string(model)) {
    case "gpt2":
      return new TokenizerPipeline(byteLevelTokenizer(metadata, vocabulary), config);
    case "llama":
      return new SentencepieceCodec(metadata, vocabulary);
    default:
      throw metadata.error(model, 'must be "gpt2" (byte-level BPE) or "llama" (sentencepiece BPE)', "Other kinds of tokenizers are not supported; take another model.");
  }
}

/** The texts of special tokens that chat templates use, as tokenizer_config.json has them. */
function templateTokens({ tokens, begin, end, unknown, padding }: GgufVocabulary): Record<string, unknown> {
  const named = [["bos_token", begin], ["eos_token", end], ["unk_token", unknown], ["pad_token", padding]] as const;
  return Object.fromEntries(named.flatMap(([name, id]) => (id === undefined ? [] : [[name, tokens[id]!]])));
}
