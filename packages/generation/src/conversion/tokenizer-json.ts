import type { GgufMetadata } from "@elastic-attention/tensor";
import { addedTokens, aroundText, byteLevelTokenizer } from "../tokenizer/gguf/byte-level-tokenizer.js";
import { type GgufVocabulary, perToken, readVocabulary, tokenKinds } from "../tokenizer/gguf/gguf-vocabulary.js";
import { ggufTokenizer } from "../tokenizer/gguf/gguf-tokenizer.js";
import type { TokenizerFiles } from "../tokenizer/tokenizer-files.js";
import { sentencepieceMerges } from "./sentencepiece-scores.js";

/** The tokenizer of a GGUF file as the files of a folder of transformers. @throws GgufMetadataError as `ggufTokenizer` */
export function tokenizerJson(metadata: GgufMetadata, contextLength: number): TokenizerFiles {
  const { config, chatTemplate } = ggufTokenizer(metadata);
  const vocabulary = readVocabulary(metadata);
  const tokenizer = metadata.string("tokenizer.ggml.model") === "llama" ? sentencepieceTokenizer(metadata, vocabulary) : byteLevelTokenizer(metadata, vocabulary);
  return {
    tokenizer,
    config: { tokenizer_class: "PreTrainedTokenizerFast", ...config, model_max_length: contextLength, clean_up_tokenization_spaces: false },
    chatTemplate,
  };
}

/** What tokenizer.json says of a sentencepiece BPE vocabulary. */
function sentencepieceTokenizer(metadata: GgufMetadata, vocabulary: GgufVocabulary): Record<string, unknown> {
  const { tokens, kinds, begin, end, unknown } = vocabulary;
  const ids = Object.create(null) as Record<string, number>;
  for (const [id, token] of tokens.entries()) ids[token] = id;
  const spaceInFront = metadata.boolean("tokenizer.ggml.add_space_prefix", true);
  const [space, visible] = [{ String: " " }, "\u2581"];
  const scores = perToken(metadata, "tokenizer.ggml.scores", tokens.length);
  const addBegin = metadata.boolean("tokenizer.ggml.add_bos_token", true);
  const addEnd = metadata.boolean("tokenizer.ggml.add_eos_token", false);
  return {
    version: "1.0",
    added_tokens: addedTokens(vocabulary),
    normalizer: { type: "Sequence", normalizers: [...(spaceInFront ? [{ type: "Prepend", prepend: visible }] : []), { type: "Replace", pattern: space, content: visible }] },
    pre_tokenizer: null,
    post_processor: aroundText(vocabulary, addBegin ? begin : undefined, addEnd ? end : undefined),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: visible }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(spaceInFront ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      unk_token: unknown === undefined ? null : tokens[unknown],
      fuse_unk: true,
      byte_fallback: Array.from(kinds).includes(tokenKinds.byte),
      vocab: ids,
      merges: sentencepieceMerges(tokens, scores, (id) => kinds[id] === tokenKinds.normal || kinds[id] === tokenKinds.userDefined || kinds[id] === tokenKinds.unused),
    },
  };
}
