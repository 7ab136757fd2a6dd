import { describe, expect, it } from "vitest";
import { TokenizerError } from "@elastic-attention/core";
import { TokenizerPipeline } from "../src/index.js";
import { timeTaken } from "./time-taken.js";
import { addedToken, description, split } from "./pipelines.js";

const deep = (levels: number, wrap: (inner: unknown) => unknown, core: unknown): unknown => {
  let value = core;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
};
const circle: { type: string; normalizers: unknown[] } = { type: "Sequence", normalizers: [] };
circle.normalizers.push(circle);
const bpe = (parts: Record<string, unknown>): Record<string, unknown> => ({ type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]], ...parts });

const files: readonly (readonly [name: string, parts: Record<string, unknown>])[] = [
  ["normalizers nested without end", { normalizer: deep(5000, (inner) => ({ type: "Sequence", normalizers: [inner] }), { type: "NFC" }) }],
  ["a sequence of itself", { normalizer: circle }],
  ["decoders nested without end", { decoder: deep(5000, (inner) => ({ type: "Sequence", decoders: [inner] }), { type: "Fuse" }) }],
  ["pre-tokenizers nested without end", { pre_tokenizer: deep(5000, (inner) => ({ type: "Sequence", pretokenizers: [inner] }), { type: "Whitespace" }) }],
  ["post-processors nested without end", { post_processor: deep(5000, (inner) => ({ type: "Sequence", processors: [inner] }), { type: "ByteLevel" }) }],
  ["groups of a pattern nested without end", { pre_tokenizer: split(`${"(".repeat(20_000)}a${")".repeat(20_000)}`) }],
  ["classes nested without end", { pre_tokenizer: split(`${"[".repeat(20_000)}a${"]".repeat(20_000)}`) }],
  ["a pattern that is not closed", { pre_tokenizer: split("(?:a") }],
  ["a pattern with a back reference", { pre_tokenizer: split("(a)\\1") }],
  ["a pattern with a million repetitions", { pre_tokenizer: split("a{1000000}") }],
  ["a pattern that repeats nothing a million times", { pre_tokenizer: split("((((((a?){10}){10}){10}){10}){10}){10}") }],
  ["a pattern of thousands of alternatives", { normalizer: { type: "Replace", pattern: { Regex: Array.from({ length: 5000 }, (_, index) => `\\p{L}+${index}`).join("|") }, content: "" } }],
  ["a pattern that runs away on nothing", { decoder: { type: "Replace", pattern: { Regex: "(?:\\p{L}?){49999}a" }, content: "" } }],
  ["a pattern with an unknown property", { pre_tokenizer: split("\\p{Nonsense}") }],
  ["a pattern with a subexpression call", { pre_tokenizer: split("(?<x>a\\g<x>?)") }],
  ["a part of an unknown kind", { normalizer: { type: "Rot13" } }],
  ["a kind that is a method of objects", { decoder: { type: "constructor" } }],
  ["a list where an object belongs", { model: [1, 2, 3] }],
  ["a vocabulary that is a number", { model: bpe({ vocab: 7 }) }],
  ["ids that are texts", { model: bpe({ vocab: { a: "0", b: "1", ab: "2" } }) }],
  ["ids that are negative", { model: bpe({ vocab: { a: -1, b: 1, ab: 2 } }) }],
  ["ids above 32 bits", { model: bpe({ vocab: { a: 1e12, b: 1, ab: 2 } }) }],
  ["merges of tokens that do not exist", { model: bpe({ merges: [["a", "c"]] }) }],
  ["merges into a token that does not exist", { model: bpe({ merges: [["b", "a"]] }) }],
  ["merges of three tokens", { model: bpe({ merges: ["a b c"] }) }],
  ["merges left out at random", { model: bpe({ dropout: 0.5 }) }],
  ["half a character in the vocabulary", { model: bpe({ vocab: { a: 0, b: 1, ab: 2, "\ud800": 3 } }) }],
  ["an unknown id outside a Unigram vocabulary", { model: { type: "Unigram", vocab: [["a", 0]], unk_id: 9 } }],
  ["scores that are texts", { model: { type: "Unigram", vocab: [["a", "0"]], unk_id: 0 } }],
  ["a template with two texts", { post_processor: { type: "TemplateProcessing", single: [{ Sequence: { id: "B" } }], special_tokens: {} } }],
  ["a template with a token that it does not explain", { post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: "toString" } }], special_tokens: {} } }],
  ["an added token that is a number", { added_tokens: [7] }],
  ["a normalized added token of which nothing is left", { normalizer: { type: "Strip", strip_left: true, strip_right: true }, added_tokens: [addedToken("  ", { normalized: true })] }],
  ["a replacement of two characters", { pre_tokenizer: { type: "Metaspace", replacement: "__" } }],
  ["a table of replacements that is cut off", { normalizer: { type: "Precompiled", precompiled_charsmap: "/////w==" } }],
  ["pieces of no length", { pre_tokenizer: { type: "FixedLength", length: 0 } }],
];

/** The error that some work ends with, and the time that it took. */
function failure(work: () => unknown): { readonly error: unknown; readonly milliseconds: number } {
  let error: unknown;
  const milliseconds = timeTaken(() => {
    try {
      work();
    } catch (thrown) {
      error = thrown;
    }
  });
  return { error, milliseconds };
}

describe("a hostile tokenizer file", () => {
  it.each(files)("is refused by name: %s", (_, parts) => {
    const { error, milliseconds } = failure(() => new TokenizerPipeline(description(parts)));
    expect(error).toSatisfy(TokenizerError.isInstance.bind(TokenizerError));
    expect((error as Error).message.length).toBeLessThan(1000);
    expect(milliseconds).toBeLessThan(1000);
  });

  const runaways = ["(a+)+$", "(a|a)*\\n", "(?:a|ab|b)*c", "(?:(?:a*)*)*c", "(.*?,){25}P", "a*a*a*a*a*a*\\n", "(?i:[a-z]{1,500}){200}", "(?:\\p{L}*\\p{N}*){50}!", "(?<=(a+)+)b"];
  const places: readonly Record<string, unknown>[] = [
    ...runaways.map((regex) => ({ pre_tokenizer: split(regex) })),
    { normalizer: { type: "Replace", pattern: { Regex: "(a+)+$" }, content: "-" } },
    { pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: false }, split("(a+)+$")] } },
  ];
  it.each(places)("whose pattern runs away is stopped, and the next text works: %j", (parts) => {
    const text = `${"ab,".repeat(40)}${"a".repeat(20_000)}!`;
    const tokenizer = new TokenizerPipeline(description(parts));
    const { error, milliseconds } = failure(() => tokenizer.encode(text));
    if (error !== undefined) expect(error).toSatisfy(TokenizerError.isInstance.bind(TokenizerError));
    expect(milliseconds).toBeLessThan(1000);
    expect(Array.from(tokenizer.encode("a"))).toHaveLength(1);
  });

  it("whose pattern runs away in many short pieces is stopped too", () => {
    const pieces = { type: "Sequence", pretokenizers: [{ type: "FixedLength", length: 90 }, split("(?:a*b?){9}c")] };
    const tokenizer = new TokenizerPipeline(description({ pre_tokenizer: pieces }));
    const { error, milliseconds } = failure(() => tokenizer.encode("a".repeat(200_000)));
    expect(String(error)).toMatch(/takes too long/);
    expect(milliseconds).toBeLessThan(1500);
  });

  it.each([
    ["Unigram", { type: "Unigram", unk_id: 0, vocab: [["?", -9], ["a", -1], [`${"a".repeat(9999)}b`, -2]] }],
    ["WordPiece", { type: "WordPiece", unk_token: "?", continuing_subword_prefix: "", max_input_chars_per_word: 1e15, vocab: { "?": 0, a: 1, [`${"a".repeat(9999)}b`]: 2 } }],
  ])("whose long tokens begin alike everywhere is stopped: %s", (_, model) => {
    const tokenizer = new TokenizerPipeline(description({ model }));
    const { error, milliseconds } = failure(() => tokenizer.encode("a".repeat(200_000)));
    expect(String(error)).toMatch(/takes too long/);
    expect(milliseconds).toBeLessThan(2000);
    expect(Array.from(tokenizer.encode("aa"))).toEqual([1, 1]);
  });

  it("whose pattern runs away is said to do so", () => {
    const tokenizer = new TokenizerPipeline(description({ pre_tokenizer: split("(?:a+)+$") }));
    expect(() => tokenizer.encode(`${"a".repeat(200)}!`)).toThrow(/takes too long/);
  });
});
