import { addedToken, description, split } from "../pipelines.js";

const deep = (levels: number, wrap: (inner: unknown) => unknown, core: unknown): unknown => {
  let value = core;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
};
const bpe = (parts: Record<string, unknown>): Record<string, unknown> => ({ type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]], ...parts });

/** Files that are refused when they are read, by what is wrong with them; each is the parts that differ from a plain file. */
export const hostileFiles: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "normalizers nested without end": { normalizer: deep(5000, (inner) => ({ type: "Sequence", normalizers: [inner] }), { type: "NFC" }) },
  "decoders nested without end": { decoder: deep(5000, (inner) => ({ type: "Sequence", decoders: [inner] }), { type: "Fuse" }) },
  "pre-tokenizers nested without end": { pre_tokenizer: deep(5000, (inner) => ({ type: "Sequence", pretokenizers: [inner] }), { type: "Whitespace" }) },
  "post-processors nested without end": { post_processor: deep(5000, (inner) => ({ type: "Sequence", processors: [inner] }), { type: "ByteLevel" }) },
  "groups of a pattern nested without end": { pre_tokenizer: split(`${"(".repeat(20_000)}a${")".repeat(20_000)}`) },
  "classes nested without end": { pre_tokenizer: split(`${"[".repeat(20_000)}a${"]".repeat(20_000)}`) },
  "a pattern that is not closed": { pre_tokenizer: split("(?:a") },
  "a pattern with a back reference": { pre_tokenizer: split("(a)\\1") },
  "a pattern with a million repetitions": { pre_tokenizer: split("a{1000000}") },
  "a pattern that repeats nothing a million times": { pre_tokenizer: split("((((((a?){10}){10}){10}){10}){10}){10}") },
  "a pattern of thousands of alternatives": { normalizer: { type: "Replace", pattern: { Regex: Array.from({ length: 5000 }, (_, index) => `\\p{L}+${index}`).join("|") }, content: "" } },
  "a pattern that runs away on nothing": { decoder: { type: "Replace", pattern: { Regex: "(?:\\p{L}?){49999}a" }, content: "" } },
  "a pattern with an unknown property": { pre_tokenizer: split("\\p{Nonsense}") },
  "a pattern with a subexpression call": { pre_tokenizer: split("(?<x>a\\g<x>?)") },
  "a part of an unknown kind": { normalizer: { type: "Rot13" } },
  "a kind that is a method of objects": { decoder: { type: "constructor" } },
  "a list where an object belongs": { model: [1, 2, 3] },
  "a vocabulary that is a number": { model: bpe({ vocab: 7 }) },
  "ids that are texts": { model: bpe({ vocab: { a: "0", b: "1", ab: "2" } }) },
  "ids that are negative": { model: bpe({ vocab: { a: -1, b: 1, ab: 2 } }) },
  "ids above 32 bits": { model: bpe({ vocab: { a: 1e12, b: 1, ab: 2 } }) },
  "merges of tokens that do not exist": { model: bpe({ merges: [["a", "c"]] }) },
  "merges into a token that does not exist": { model: bpe({ merges: [["b", "a"]] }) },
  "merges of three tokens": { model: bpe({ merges: ["a b c"] }) },
  "merges left out at random": { model: bpe({ dropout: 0.5 }) },
  "half a character in the vocabulary": { model: bpe({ vocab: { a: 0, b: 1, ab: 2, "\ud800": 3 } }) },
  "an unknown id outside a Unigram vocabulary": { model: { type: "Unigram", vocab: [["a", 0]], unk_id: 9 } },
  "scores that are texts": { model: { type: "Unigram", vocab: [["a", "0"]], unk_id: 0 } },
  "a template with two texts": { post_processor: { type: "TemplateProcessing", single: [{ Sequence: { id: "B" } }], special_tokens: {} } },
  "a template with a token that it does not explain": { post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: "toString" } }], special_tokens: {} } },
  "an added token that is a number": { added_tokens: [7] },
  "a normalized added token of which nothing is left": { normalizer: { type: "Strip", strip_left: true, strip_right: true }, added_tokens: [addedToken("  ", { normalized: true })] },
  "a replacement of two characters": { pre_tokenizer: { type: "Metaspace", replacement: "__" } },
  "a table of replacements that is cut off": { normalizer: { type: "Precompiled", precompiled_charsmap: "/////w==" } },
  "pieces of no length": { pre_tokenizer: { type: "FixedLength", length: 0 } },
};

/** A text of a unit that is repeated so many times, between two others. */
export interface LongText {
  readonly before?: string;
  readonly unit: string;
  readonly times: number;
  readonly behind?: string;
}

/** A file that can be read, and a text that it would take for ever or too much memory. */
export interface HostileText {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly text: LongText;
  /** How many tokens are wanted at most. */
  readonly limit?: number;
  /** Whether the text may be encoded as well, where the engine has a way that is short enough. */
  readonly maySucceed?: boolean;
  /** What the error says. */
  readonly says?: RegExp;
}

export function longText({ before = "", unit, times, behind = "" }: LongText): string {
  return before + unit.repeat(times) + behind;
}

const runaways = ["(a+)+$", "(a|a)*\\n", "(?:a|ab|b)*c", "(?:(?:a*)*)*c", "(.*?,){25}P", "a*a*a*a*a*a*\\n", "(?i:[a-z]{1,500}){200}", "(?:\\p{L}*\\p{N}*){50}!", "(?<=(a+)+)b"];
const runawayText: LongText = { before: "ab,".repeat(40), unit: "a", times: 20_000, behind: "!" };
const runningAway = (parts: Record<string, unknown>): HostileText => ({ tokenizer: description(parts), text: runawayText, maySucceed: true });
const longToken = `${"a".repeat(9999)}b`;
const alike = (model: Record<string, unknown>): HostileText => ({ tokenizer: description({ model }), text: { unit: "a", times: 200_000 }, says: /takes too long/ });
const words = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const letters = (unit: string, parts: Record<string, unknown>): HostileText => ({
  tokenizer: description({ pre_tokenizer: split(words), model: bpe({ vocab: { a: 0, b: 1, ab: 2, " ": 3 }, unk_token: "a", ...parts }) }),
  text: { unit, times: 10_000_000 },
});

/** Texts that end in typed errors, by what makes them hard. */
export const hostileTexts: Readonly<Record<string, HostileText>> = {
  ...Object.fromEntries(runaways.map((regex) => [`the pattern ${regex}`, runningAway({ pre_tokenizer: split(regex) })])),
  "a pattern of a normalizer": runningAway({ normalizer: { type: "Replace", pattern: { Regex: "(a+)+$" }, content: "-" } }),
  "a pattern behind another pre-tokenizer": runningAway({ pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: false }, split("(a+)+$")] } }),
  "a pattern that is said to run away": { tokenizer: description({ pre_tokenizer: split("(?:a+)+$") }), text: { unit: "a", times: 200, behind: "!" }, says: /takes too long/ },
  "many short pieces": {
    tokenizer: description({ pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "FixedLength", length: 90 }, split("(?:a*b?){9}c")] } }),
    text: { unit: "a", times: 200_000 },
    says: /takes too long/,
  },
  "long tokens that begin alike, Unigram": alike({ type: "Unigram", unk_id: 0, vocab: [["?", -9], ["a", -1], [longToken, -2]] }),
  "long tokens that begin alike, WordPiece": alike({ type: "WordPiece", unk_token: "?", continuing_subword_prefix: "", max_input_chars_per_word: 1e15, vocab: { "?": 0, a: 1, [longToken]: 2 } }),
  "ten million letters in a row": letters("a", {}),
  "ten million spaces in a row": letters(" ", {}),
  "ten million letters that are far too many": { ...letters("a", {}), limit: 8192, says: /more than 8192 tokens/ },
  "ten million spaces that are far too many": { ...letters(" ", {}), limit: 8192, says: /more than 8192 tokens/ },
};
