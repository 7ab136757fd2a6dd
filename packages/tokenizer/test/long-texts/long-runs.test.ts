import { TokenizerError } from "@elastic-attention/core";
import { describe, expect, it } from "vitest";
import { TokenizerPipeline } from "../../src/index.js";
import { longestRun, refuseLongRuns } from "../../src/pattern/long-runs.js";
import { description, split } from "../pipelines.js";
import { timeTaken } from "@elastic-attention/fixtures";

describe("a run of characters of one kind", () => {
  it.each([["letters", "aZ"], ["digits", "09"], ["spaces", " \n"], ["signs", "!。"], ["Chinese characters", "漢字"]])("is refused behind the longest that a pattern is sought in: %s", (_, unit) => {
    const run = unit.repeat(longestRun / 2);
    expect(() => refuseLongRuns(run)).not.toThrow();
    expect(() => refuseLongRuns(`${run}${unit}`)).toThrow(TokenizerError);
    const other = unit === "09" ? "x" : "7";
    expect(() => refuseLongRuns(`${other.repeat(1000)}${run}${other}${run}`)).not.toThrow();
    expect(() => refuseLongRuns(`${other.repeat(1000)}${run}${unit}${other}`)).toThrow(/in a row/);
  });

  it("is no matter where no pattern is sought, nor in text of words", () => {
    const model = { type: "WordLevel", vocab: { "?": 0 }, unk_token: "?" };
    const run = "a".repeat(longestRun + 1);
    expect(Array.from(new TokenizerPipeline(description({ model })).encode(run))).toEqual([0]);
    expect(() => refuseLongRuns("漢字，".repeat(longestRun))).not.toThrow();
    expect(() => new TokenizerPipeline(description({ model, pre_tokenizer: split("\\w+") })).encode(run)).toThrow(/in a row/);
  });
});

describe("a text that is far too long for the limit", () => {
  const bytes = Object.fromEntries(Array.from({ length: 256 }, (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, byte]));
  const pipelines = {
    "BPE with byte fallback": { type: "BPE", vocab: { ...bytes, a: 256, aa: 257 }, merges: [["a", "a"]], byte_fallback: true },
    "BPE with unknown tokens": { type: "BPE", vocab: { a: 0, aa: 1, "?": 2 }, merges: [["a", "a"]], unk_token: "?" },
    "Unigram with byte fallback": { type: "Unigram", vocab: [...Object.entries(bytes).map(([token]) => [token, -9]), ["a", -1], ["aa", -2]], unk_id: 0, byte_fallback: true },
  };
  it.each(Object.entries(pipelines))("is refused before it is looked up, and one that just fits is not: %s", (_, model) => {
    const tokenizer = new TokenizerPipeline(description({ model }));
    for (const unit of ["a", "é", "🙂"]) {
      const count = tokenizer.encode(unit.repeat(600)).length;
      expect(tokenizer.encode(unit.repeat(600), { limit: count })).toHaveLength(count);
      expect(() => tokenizer.encode(unit.repeat(600), { limit: count - 1 })).toThrow(/more than \d+ tokens/);
    }
    const long = "a".repeat(10_000_000);
    expect(timeTaken(() => expect(() => tokenizer.encode(long, { limit: 8192 })).toThrow(/more than 8192 tokens/))).toBeLessThan(1000);
  });

  it("is refused within a second where it must be normalized first: short lines under BERT's rules", { retry: 2 }, () => {
    const bert = {
      normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
      pre_tokenizer: { type: "BertPreTokenizer" },
      model: { type: "WordPiece", vocab: { "?": 0, x: 1, "##y": 2 }, unk_token: "?", continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
    };
    const tokenizer = new TokenizerPipeline(description(bert));
    expect(Array.from(tokenizer.encode("XY\n\tx\u00a0é"))).toEqual([1, 2, 1, 0]);
    const lines = "x = 1;\n\n".repeat(1_250_000);
    expect(timeTaken(() => expect(() => tokenizer.encode(lines, { limit: 8192 })).toThrow(/more than 8192 tokens/))).toBeLessThan(1000);
  });

  it("counts what joins many characters as one token, or drops them", () => {
    const fused = new TokenizerPipeline(description({ model: { type: "BPE", vocab: { a: 0, "?": 1 }, merges: [], unk_token: "?", fuse_unk: true } }));
    expect(Array.from(fused.encode("x".repeat(1000), { limit: 1 }))).toEqual([1]);
    const dropped = new TokenizerPipeline(description({ model: { type: "BPE", vocab: { a: 0 }, merges: [] } }));
    expect(dropped.encode("x".repeat(1000), { limit: 0 })).toHaveLength(0);
    const removed = new TokenizerPipeline(description({ model: pipelines["BPE with byte fallback"], pre_tokenizer: { type: "WhitespaceSplit" } }));
    expect(Array.from(removed.encode(`a${" ".repeat(1000)}a`, { limit: 2 }))).toEqual([256, 256]);
    const stripping = { id: 3, content: "<s>", single_word: false, lstrip: true, rstrip: true, normalized: true, special: true };
    const stripped = new TokenizerPipeline(description({ model: pipelines["BPE with unknown tokens"], added_tokens: [stripping] }));
    expect(Array.from(stripped.encode(`${" ".repeat(1000)}<s>${" ".repeat(1000)}`, { limit: 1 }))).toEqual([3]);
  });
});
