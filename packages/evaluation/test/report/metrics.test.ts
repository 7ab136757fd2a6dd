import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { classificationScore } from "../../src/metrics/classification.js";
import { codeSimilarity, textRatio } from "../../src/metrics/edit-similarity.js";
import { countScore, retrievalScore } from "../../src/metrics/number-matches.js";
import { roundHalfToEven } from "../../src/metrics/python-text.js";
import { normalizeAnswer, questionAnsweringF1 } from "../../src/metrics/question-answering-f1.js";
import { rougeL } from "../../src/metrics/rouge-l.js";
import { sequenceSimilarity } from "../../src/metrics/sequence-similarity.js";
import { matchAll, matchAny } from "../../src/metrics/string-match.js";

interface MetricCase {
  readonly metric: "qa_f1" | "rouge_l" | "classification" | "retrieval" | "count" | "code";
  readonly prediction: string;
  readonly reference: string;
  readonly classes?: readonly string[];
  readonly score: number;
}

// Made by running LongBench's published metrics.py (commit 2e00731) on texts of our own, with rouge 1.0.1 and fuzzywuzzy
// 0.18 without python-Levenshtein, on Python 3.11.
const cases = JSON.parse(gunzipSync(readFileSync(new URL("../fixtures/metric-cases.json.gz", import.meta.url))).toString()) as MetricCase[];

function score({ metric, prediction, reference, classes }: MetricCase): number {
  switch (metric) {
    case "qa_f1":
      return questionAnsweringF1(prediction, reference);
    case "rouge_l":
      return rougeL(prediction, reference);
    case "classification":
      return classificationScore(prediction, reference, classes ?? []);
    case "retrieval":
      return retrievalScore(prediction, reference);
    case "count":
      return countScore(prediction, reference);
    case "code":
      return codeSimilarity(prediction, reference);
  }
}

describe("against the published metrics, within 1e-9", () => {
  test.each(["qa_f1", "rouge_l", "classification", "retrieval", "count", "code"])("%s", (metric) => {
    const chosen = cases.filter((each) => each.metric === metric);
    expect(chosen.length).toBeGreaterThanOrEqual(25);
    expect(chosen.some((each) => each.score > 0 && each.score < 1)).toBe(true);
    expect(chosen.filter((each) => !(Math.abs(score(each) - each.score) <= 1e-9))).toEqual([]);
  });
});

describe("worked by hand", () => {
  test("question answering F1: 2 of 3 words, 2 of 2 expected", () => {
    expect(normalizeAnswer("The  Eiffel-Tower, (in) Paris!")).toBe("eiffeltower in paris");
    expect(questionAnsweringF1("the Eiffel Tower in", "Eiffel Tower")).toBeCloseTo((2 * (2 / 3)) / (2 / 3 + 1), 15);
    expect(questionAnsweringF1("", "Eiffel Tower")).toBe(0);
  });

  test("ROUGE-L: 3 words found of 4 expected and 5 predicted", () => {
    const [precision, recall] = [3 / 5, 3 / 4];
    expect(rougeL("one two x three y", "one two three four")).toBeCloseTo((2 * precision * recall) / (precision + recall + 1e-8), 15);
    expect(rougeL("...", "one")).toBe(0);
  });

  test("sequence similarity: abcd and bcde share bcd", () => {
    expect(sequenceSimilarity(["a", "b", "c", "d"], ["b", "c", "d", "e"])).toBe(0.75);
    expect(sequenceSimilarity([], [])).toBe(1);
    expect(textRatio("", "")).toBe(1);
    expect(textRatio("", "a")).toBe(0);
    expect(textRatio("this is a test", "this is a test!")).toBe(0.97);
  });

  test("halves round to the even integer", () => {
    expect([0.5, 1.5, 2.5, 12.5, 12.49, 12.51].map(roundHalfToEven)).toEqual([0, 2, 2, 12, 12, 13]);
  });

  test("a class name inside the reference does not count against it, one beside it does", () => {
    expect(classificationScore("Other entity", "Other entity", ["entity", "Other entity"])).toBe(1);
    expect(classificationScore("City or Country", "City", ["City", "Country"])).toBe(0.5);
    expect(classificationScore("Country", "City", ["City", "Country"])).toBe(0);
  });

  test("string match: all counts the share, any wants one", () => {
    expect(matchAll("The numbers are 12 and ABC.", ["12", "abc", "99", "7"])).toBe(0.5);
    expect(matchAny("The numbers are 12.", ["99", "12"])).toBe(1);
    expect(matchAny("none", ["99", "12"])).toBe(0);
  });
});
