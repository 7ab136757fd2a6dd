/** A tokenizer.json of a few words, with parts replaced. */
export function description(parts: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: "WordLevel", vocab: { "<unk>": 0, a: 1, b: 2, "<s>": 3, "</s>": 4 }, unk_token: "<unk>" },
    ...parts,
  };
}

export function addedToken(content: string, flags: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { id: 0, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false, ...flags };
}

export function split(regex: string): Record<string, unknown> {
  return { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
}
