import type { GgufMetadata } from "@elastic-attention/tensor";
import { type GgufVocabulary, tokenKinds } from "./gguf-vocabulary.js";
import { preTokenizers } from "./pre-tokenizers.js";

/**
 * What tokenizer.json would say of a byte-level vocabulary (`tokenizer.ggml.model` "gpt2").
 * @throws GgufMetadataError for a pre-tokenizer that is not known and for merges of tokens that do not exist
 */
export function byteLevelTokenizer(metadata: GgufMetadata, vocabulary: GgufVocabulary): Record<string, unknown> {
  const pre = metadata.string("tokenizer.ggml.pre");
  const preTokenizer = preTokenizers.get(pre);
  if (preTokenizer === undefined) {
    throw metadata.error("tokenizer.ggml.pre", `must be one of ${[...preTokenizers.keys()].join(", ")}`, "Text would be cut otherwise than the model learned it; take a newer file, or another model.");
  }
  if (metadata.boolean("tokenizer.ggml.add_space_prefix", false)) throw metadata.error("tokenizer.ggml.add_space_prefix", "must be false for a byte-level vocabulary");
  const { tokens, begin, end } = vocabulary;
  // No prototype: a token may have any name.
  const ids = Object.create(null) as Record<string, number>;
  for (let id = 0; id < tokens.length; id++) ids[tokens[id]!] = id;
  const addBegin = metadata.boolean("tokenizer.ggml.add_bos_token", preTokenizer.addBegin ?? false);
  const addEnd = metadata.boolean("tokenizer.ggml.add_eos_token", false);
  return {
    version: "1.0",
    added_tokens: addedTokens(vocabulary),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...preTokenizer.patterns.map((pattern) => ({ type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false })),
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: aroundText(vocabulary, addBegin ? begin : undefined, addEnd ? end : undefined),
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", vocab: ids, merges: readMerges(metadata, new Set(tokens)), ignore_merges: preTokenizer.ignoreMerges ?? false },
  };
}

/** Tokens that are found in a text before it is cut. */
export function addedTokens({ tokens, kinds }: GgufVocabulary): Record<string, unknown>[] {
  return tokens.flatMap((content, id) => {
    const kind = kinds[id];
    const special = kind === tokenKinds.control || kind === tokenKinds.unknown;
    // An empty text is found everywhere.
    if ((!special && kind !== tokenKinds.userDefined) || content === "") return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
}

/** Pairs of tokens that exist, whose union exists. */
function readMerges(metadata: GgufMetadata, tokens: ReadonlySet<string>): [string, string][] {
  const key = "tokenizer.ggml.merges";
  return metadata.strings(key).map((merge, index) => {
    // A token may begin with a space, but has none behind.
    const cut = merge.indexOf(" ", 1);
    const [left, right] = [merge.slice(0, cut), merge.slice(cut + 1)];
    if (cut < 0 || right === "" || !tokens.has(left) || !tokens.has(right) || !tokens.has(left + right)) {
      throw metadata.error(key, `must merge tokens into tokens; merge ${index} is ${JSON.stringify(merge.slice(0, 100))}`);
    }
    return [left, right];
  });
}

/** What puts the tokens around a text that it begins and ends with; null for none. */
export function aroundText({ tokens }: GgufVocabulary, begin: number | undefined, end: number | undefined): Record<string, unknown> | null {
  if (begin === undefined && end === undefined) return null;
  const special = (id: number | undefined) => (id === undefined ? [] : [{ SpecialToken: { id: tokens[id]!, type_id: 0 } }]);
  const ids = [begin, end].filter((id) => id !== undefined);
  return {
    type: "TemplateProcessing",
    single: [...special(begin), { Sequence: { id: "A", type_id: 0 } }, ...special(end)],
    pair: [],
    special_tokens: Object.fromEntries(ids.map((id) => [tokens[id]!, { id: tokens[id]!, ids: [id], tokens: [tokens[id]!] }])),
  };
}
