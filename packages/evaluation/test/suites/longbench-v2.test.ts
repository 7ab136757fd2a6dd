import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findSuite, type GenerationTask, sampleTokens } from "../../src/index.js";
import { lookAlikeQuestions } from "../../src/built-in/longbench-v2-rows.js";
import { extractAnswer } from "../../src/longbench-v2/extract-answer.js";
import { demoTokenizer, promptText, samplesOf } from "../demo-tokenizer.js";

const suite = findSuite("longbench-v2");
const folder = mkdtempSync(join(tmpdir(), "longbench-v2-"));
writeFileSync(join(folder, "data.json"), JSON.stringify(lookAlikeQuestions()));

test("the answer's letter, in brackets first", () => {
  expect(extractAnswer("The correct answer is (B).")).toBe("B");
  expect(extractAnswer("**The correct answer is C**")).toBe("C");
  expect(extractAnswer("The correct answer is A, no: The correct answer is (D)")).toBe("D");
  expect(extractAnswer("the correct answer is (B)")).toBeUndefined();
  expect(extractAnswer("The correct answer is E")).toBeUndefined();
  expect(extractAnswer("B")).toBeUndefined();
});

test("questions as published: one task a domain, the prompt, and what groups them", async () => {
  const tasks = (await suite.tasks({ dataDirectory: folder })) as GenerationTask[];
  expect(tasks.map(({ category }) => category)).toEqual(["Single-Document QA", "Multi-Document QA", "Long-dialogue History Understanding"]);
  const [sample] = await samplesOf(tasks[0]!, { contextLength: 100_000 });
  const row = lookAlikeQuestions()[0]!;
  expect(promptText(sample!)).toBe(
    `Please read the following text and answer the question below.\n\n<text>\n${row.context}\n</text>\n\n` +
      `What is the correct answer to this question: ${row.question}\nChoices:\n(A) ${row.choice_A}\n(B) ${row.choice_B}\n(C) ${row.choice_C}\n(D) ${row.choice_D}\n\n` +
      'Format your response as follows: "The correct answer is (insert answer here)".',
  );
  expect(sample).toMatchObject({ lengthBucket: "short", maxNewTokens: 128, metadata: { difficulty: "easy" } });
  expect(tasks[0]!.score(sample!, ` The correct answer is (${row.answer}).\n`)).toBe(1);
  expect(tasks[0]!.score(sample!, "I cannot say.")).toBe(0);
  expect(tasks[0]!.followUp).toBeUndefined();
});

test("chain of thought: reasoning, then a second prompt with the reasoning in it", async () => {
  const [task] = (await suite.tasks({ dataDirectory: folder, chainOfThought: true })) as GenerationTask[];
  const options = { tokenizer: demoTokenizer(), contextLength: 16_384 };
  const [sample] = await samplesOf(task!, options);
  expect(sample!.maxNewTokens).toBe(1024);
  expect(promptText(sample!)).toMatch(/step by step:$/);
  const second = task!.followUp!(sample!, "  First $Q$, then B.\n", options)!;
  expect(second.maxNewTokens).toBe(128);
  expect(promptText(second)).toContain("Let’s think step by step: First $Q$, then B.\n\nBased on the above");
  expect(promptText(second)).not.toContain(lookAlikeQuestions()[0]!.context);
  expect(task!.score(second, `The correct answer is (${sample!.references[0]})`)).toBe(1);
});

test("long texts lose their middle", async () => {
  const [task] = await suite.tasks({ dataDirectory: folder });
  const samples = await samplesOf(task!, { contextLength: 3000 });
  const cut = samples.filter(({ truncated }) => truncated);
  expect(cut.length).toBeGreaterThan(0);
  for (const sample of cut) expect(sampleTokens(sample, demoTokenizer()).length).toBeLessThanOrEqual(3000 - 128);
});

test("sums: all, easy and hard, short, medium and long", () => {
  const record = (lengthBucket: string, difficulty: string, score: number) => ({ task: "single-document-qa", category: "Single-Document QA", lengthBucket, score, metadata: { difficulty } });
  const summary = suite.aggregate([record("long", "hard", 0), record("short", "easy", 1), record("medium", "hard", 1), record("short", "hard", 0)]);
  expect(summary.average).toBe(0.5);
  expect(summary.lengths.map(({ name, score }) => [name, score])).toEqual([["short", 0.5], ["medium", 1], ["long", 0]]);
  expect(summary.groups["difficulty"]).toEqual([
    { name: "hard", score: 1 / 3, samples: 3 },
    { name: "easy", score: 1, samples: 1 },
  ]);
});

test("bad data", async () => {
  await expect(suite.tasks({})).rejects.toThrow(/needs its data[\s\S]*data\.json/);
  const own = mkdtempSync(join(tmpdir(), "longbench-v2-"));
  await expect(suite.tasks({ dataDirectory: own })).rejects.toThrow("has no data.json");
  writeFileSync(join(own, "data.json"), JSON.stringify([{ ...lookAlikeQuestions()[0], answer: "E" }]));
  await expect(suite.tasks({ dataDirectory: own })).rejects.toThrow(/row 1: answer/);
  writeFileSync(join(own, "data.json"), JSON.stringify([{ ...lookAlikeQuestions()[0], domain: "Cooking" }]));
  await expect(suite.tasks({ dataDirectory: own })).rejects.toThrow('unknown domain "Cooking"');
  writeFileSync(join(own, "data.json"), JSON.stringify(lookAlikeQuestions()).slice(0, -100));
  await expect(suite.tasks({ dataDirectory: own })).rejects.toThrow("is not JSON");
});
