import { expect, test } from "vitest";
import { Haystack } from "../../src/texts/haystack.js";
import { splitSentences } from "../../src/texts/sentences.js";
import { tokenCounter } from "../../src/tokens/token-counter.js";
import { demoTokenizer } from "../demo-tokenizer.js";

const counter = tokenCounter(demoTokenizer());

test("sentences end at a mark, with its quotes, before white space", () => {
  expect(splitSentences('One. "Two!" (Three?) 3.5 is four. five')).toEqual(["One.", '"Two!"', "(Three?)", "3.5 is four.", "five"]);
});

test("takes as much as fits, from the beginning, again and again", () => {
  const haystack = new Haystack("The fox met a hen.\nThey talked about corn!", "test");
  const { sentences, tokens } = haystack.take(counter, 100);
  expect(sentences.slice(0, 3)).toEqual(["The fox met a hen.", "They talked about corn!", "The fox met a hen."]);
  expect(tokens).toBeLessThanOrEqual(100);
  expect(tokens).toBeGreaterThan(95);
  expect(haystack.take(counter, 0)).toEqual({ sentences: [], tokens: 0 });
  expect(() => new Haystack(" \n ", "test")).toThrow("is empty");
});

test("text without full stops or without spaces fills the room too", () => {
  for (const text of ["word ".repeat(5000), "北風と太陽が".repeat(2000), "👩‍🚀🌍".repeat(1500)]) {
    const haystack = new Haystack(text, "test");
    const { sentences, tokens } = haystack.take(counter, 2000);
    expect(tokens).toBeLessThanOrEqual(2000);
    expect(tokens).toBeGreaterThan(1950);
    expect(sentences.some((sentence) => /\p{Surrogate}/u.test(sentence))).toBe(false);
  }
});
