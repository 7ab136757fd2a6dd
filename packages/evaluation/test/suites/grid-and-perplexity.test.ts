import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findSuite, gridDepths, type LikelihoodTask, sampleTokens } from "../../src/index.js";
import { demoTokenizer, promptText, samplesOf } from "../demo-tokenizer.js";

test("needle grid: a cell for each depth and length, the needle where it should be", async () => {
  const suite = findSuite("needle-grid");
  const [task] = await suite.tasks({});
  const samples = await samplesOf(task!, { lengths: [1024, 4096] });
  expect(samples).toHaveLength(2 * gridDepths.length);
  for (const sample of samples.filter(({ lengthBucket }) => lengthBucket === "4096")) {
    const text = promptText(sample);
    const place = text.indexOf("One of the special magic numbers") / text.length;
    expect(Math.abs(place - (sample.metadata["depth"] as number))).toBeLessThan(0.04);
    const share = (sampleTokens(sample, demoTokenizer()).length + sample.maxNewTokens) / 4096;
    expect(share).toBeGreaterThanOrEqual(0.98);
    expect(share).toBeLessThanOrEqual(1);
  }
  const summary = suite.aggregate(samples.map((sample) => ({ ...sample, score: sample.metadata["depth"] === 0.5 ? 0 : 1 })));
  expect(summary.groups["depth"]!.find(({ name }) => name === "0.5")).toEqual({ name: "0.5", score: 0, samples: 2 });
  expect(summary.average).toBeCloseTo(10 / 11, 12);
});

test("perplexity: windows that follow each other, begin-of-text in front, sums by position", async () => {
  const [task] = (await findSuite("perplexity").tasks({})) as LikelihoodTask[];
  const tokenizer = demoTokenizer();
  const samples = await samplesOf(task!, { lengths: [1000], samplesPerTask: 3 });
  expect(samples.map(({ tokens }) => tokens!.length)).toEqual([1000, 1000, 1000]);
  const text = samples.map(({ tokens }) => tokenizer.decode(tokens!)).join("");
  expect(text.startsWith("Call me Ishmael.")).toBe(true);
  expect(new Set(samples.map(({ tokens }) => tokens![0])).size).toBeLessThanOrEqual(3);

  const logProbabilities = Float32Array.from({ length: 999 }, (_, index) => (index < 256 ? -3 : -2));
  const { score, tokens, positions } = task!.score(samples[0]!, logProbabilities);
  expect(tokens).toBe(999);
  expect(score).toBeCloseTo((256 * 3 + 743 * 2) / 999, 12);
  expect(positions).toEqual([
    { start: 0, end: 256, tokens: 256, score: 3 },
    { start: 256, end: 512, tokens: 256, score: 2 },
    { start: 512, end: 999, tokens: 487, score: 2 },
  ]);
  expect(() => task!.score(samples[0]!, [0])).toThrow("999 scored tokens, and 1");
});

test("perplexity on a text of the user", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "text-")), "mine.txt");
  writeFileSync(path, "The grass is green and the sky is blue. ".repeat(30));
  const [task] = await findSuite("perplexity").tasks({ files: { text: path } });
  expect((await samplesOf(task!, { lengths: [100], samplesPerTask: 100 })).length).toBeLessThan(10);
  await expect(samplesOf(task!, { lengths: [4000] })).rejects.toThrow("fewer than one window of 4000");
  await expect(samplesOf(task!, { lengths: [20_000] })).rejects.toThrow("longer than the model's context");
});
