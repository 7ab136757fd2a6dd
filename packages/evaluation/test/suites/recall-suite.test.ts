import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type EvaluationSample, findSuite, sampleText, sampleTokens, trainingRows } from "../../src/index.js";
import { demoTokenizer, samplesOf } from "../demo-tokenizer.js";

const tokenizer = demoTokenizer();
const suite = findSuite("recall");

/** Samples of a task at 1 024 and 2 048 tokens. */
async function samples(name: string) {
  const [task] = await suite.tasks({ tasks: [name] });
  return samplesOf(task!, { lengths: [1024, 2048], samplesPerTask: 3 });
}

/** The text of a prompt in chat form. */
function promptOf({ messages }: EvaluationSample): string {
  const content = messages?.[0]?.content;
  if (typeof content !== "string") throw new Error("The prompt is no conversation of one text.");
  return content;
}

describe("the suite recall", () => {
  test("has no technical texts of its own, and says so when they are asked for", async () => {
    const tasks = await suite.tasks({});
    expect(tasks.map(({ name }) => name)).not.toContain("technical");
    await expect(samples("technical")).rejects.toThrow("needs a text");
    const folder = mkdtempSync(join(tmpdir(), "technical-"));
    try {
      const text = join(folder, "technical.txt");
      writeFileSync(text, Array.from({ length: 500 }, (_, i) => `Section ${i} defines the field number ${i * 7} of the header.`).join(" "));
      const [task] = await suite.tasks({ tasks: ["technical"], files: { technical: text } });
      const [sample] = await samplesOf(task!, { lengths: [1024], samplesPerTask: 1 });
      expect(sampleText(sample!, tokenizer)).toContain("defines the field");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(["needle", "keys", "values", "queries", "copy", "key_values", "repeated_question", "frequent_words", "labels", "last_word", "book"])(
    "%s: prompt and answer fit the length, and the same seed gives the same samples",
    async (name) => {
      const made = await samples(name);
      expect(made).toHaveLength(6);
      for (const sample of made) {
        const tokens = sampleTokens(sample, tokenizer).length + tokenizer.encode(sample.references[0]!, { addSpecialTokens: false }).length;
        const length = Number(sample.lengthBucket);
        expect(tokens).toBeLessThanOrEqual(length);
        expect(tokens).toBeGreaterThan(0.85 * length);
      }
      expect(await samples(name)).toEqual(made);
      expect(new Set(made.map(promptOf)).size).toBe(6);
    },
  );

  test.each(["needle", "keys", "values", "queries"])("%s: every value of the answer is in the prompt", async (name) => {
    for (const sample of await samples(name)) {
      const values = sample.references[0]!.split(",").map((value) => value.trim());
      expect(values).toHaveLength(name === "values" || name === "queries" ? 4 : 1);
      for (const value of values) expect(promptOf(sample)).toContain(`is: ${value}.`);
    }
  });

  test("a passage to copy stands in the text as it is begun and goes on", async () => {
    for (const sample of await samples("copy")) {
      const { answerPrefix, references } = sample;
      const [text, question] = promptOf(sample).split("\n\nRepeat the passage");
      const words = answerPrefix!.trim();
      expect(question).toContain(`"${words}"`);
      expect(text).toContain(`${words}${references[0]!}`);
      expect(text!.indexOf(words)).toBeLessThan(0.8 * text!.length);
    }
  });

  test("look-ups have one answer, in both of their forms", async () => {
    for (const sample of await samples("key_values")) {
      const prompt = promptOf(sample);
      const key = /What is the value of (.+)\?$/.exec(prompt)![1]!;
      expect(prompt.split(`\n${key}: `)).toHaveLength(2);
      expect(prompt).toContain(`${key}: ${sample.references[0]!.trim()}\n`);
    }
    for (const sample of await samples("repeated_question")) {
      const prompt = promptOf(sample);
      const asked = prompt.slice(prompt.lastIndexOf("Q: "));
      expect(prompt).toContain(`${asked}\nA: ${sample.references[0]!.trim()}\n`);
    }
  });

  test("labels are explained by the examples, of which none speaks of the word that is asked for", async () => {
    for (const sample of await samples("labels")) {
      const prompt = promptOf(sample);
      const word = /Word: (\S+)$/.exec(prompt)![1]!;
      expect(prompt).not.toContain(`Word: ${word}\nKind`);
      expect(prompt.split(`Kind: ${sample.references[0]!.trim()}\n`).length).toBeGreaterThan(3);
    }
  });

  test("a last word stands far in front of the sentence that it ends", async () => {
    for (const sample of await samples("last_word")) expect(promptOf(sample)).toContain(sample.references[0]!);
  });

  test("training rows are the samples, with the beginning of the answer apart", async () => {
    const tasks = await suite.tasks({ tasks: ["needle", "book"] });
    const rows = [];
    for await (const row of trainingRows(tasks, { tokenizer, contextLength: 4096, lengths: [1024], samplesPerTask: 2, seed: 5 })) rows.push(row);
    expect(rows.map(({ metadata }) => metadata.task)).toEqual(["needle", "needle", "book", "book"]);
    const [needle] = rows;
    expect(needle!.answer_prefix).toMatch(/^The special magic number for .+ is$/);
    expect(needle!.answer).toMatch(/^ \d{7}$/);
    expect(needle!.context).toContain(`is:${needle!.answer}.`);
    expect(rows[2]!.answer_prefix).toBe("");
    expect(rows[2]!.answer).toMatch(/^\S/);
  });
});
