import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findSuite, type GenerationTask, lookAlikeRows, sampleTokens, type SuiteOptions } from "../../src/index.js";
import { longBenchENames, longBenchNames } from "../../src/longbench/longbench-tasks.js";
import { longBenchPrompts } from "../../src/longbench/prompts.js";
import { demoTokenizer, plainTokenizer, promptText, samplesOf, sharedData } from "../demo-tokenizer.js";

const suite = findSuite("longbench-e");

async function tasks(options: SuiteOptions): Promise<GenerationTask[]> {
  return (await suite.tasks(options)) as GenerationTask[];
}

/** A folder as the published archive unpacks, with look-alike rows. */
function publishedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "longbench-"));
  mkdirSync(join(folder, "data"));
  for (const name of longBenchENames) {
    writeFileSync(join(folder, "data", `${name}_e.jsonl`), lookAlikeRows(name).map((row) => JSON.stringify(row)).join("\n") + "\n");
  }
  return folder;
}

const folder = publishedFolder();

test("16 data sets, of which 13 in 6 categories are LongBench-E's", () => {
  expect(longBenchNames).toHaveLength(16);
  expect(longBenchENames).toHaveLength(13);
  expect(findSuite("longbench").taskNames).toEqual(longBenchNames);
});

test("rows as published give the published prompts, with bucket, limit and template of each data set", async () => {
  const all = await tasks({ dataDirectory: folder });
  expect(all.map(({ name }) => name)).toEqual([...longBenchENames]);
  expect(new Set(all.map(({ category }) => category))).toEqual(new Set(["S-Doc QA", "M-Doc QA", "Summ", "In-Context", "Synthetic", "Code"]));
  const limits: Record<string, number> = {};
  const raw: string[] = [];
  for (const task of all) {
    const [sample] = await samplesOf(task, { samplesPerTask: 1, contextLength: 100_000 });
    limits[task.name] = sample!.maxNewTokens;
    if (sample!.prompt !== undefined) raw.push(task.name);
    const row = lookAlikeRows(task.name)[sample!.metadata["row"] as number]!;
    expect(promptText(sample!)).toBe(longBenchPrompts[task.name]!.replace("{context}", () => row.context).replace("{input}", () => row.input));
    expect(sample!.references).toEqual(row.answers);
    expect(sample!.truncated).toBeUndefined();
  }
  expect(limits).toEqual({
    qasper: 128, multifieldqa_en: 64, hotpotqa: 32, "2wikimqa": 32, gov_report: 512, multi_news: 512, trec: 64, triviaqa: 32,
    samsum: 128, passage_count: 32, passage_retrieval_en: 32, lcc: 64, "repobench-p": 64,
  });
  expect(raw).toEqual(["trec", "triviaqa", "samsum", "lcc", "repobench-p"]);
});

test("lengths fall into the three buckets by words", async () => {
  const [task] = await tasks({ dataDirectory: folder, tasks: ["qasper"] });
  const samples = await samplesOf(task!, { contextLength: 100_000 });
  expect(new Set(samples.map(({ lengthBucket }) => lengthBucket))).toEqual(new Set(["0-4k", "4-8k", "8k+"]));
  for (const { lengthBucket, metadata } of samples) {
    const words = metadata["words"] as number;
    expect(lengthBucket).toBe(words < 4000 ? "0-4k" : words < 8000 ? "4-8k" : "8k+");
  }
});

test("fewer samples are a choice by seed, in the order of the file", async () => {
  const [task] = await tasks({ dataDirectory: folder, tasks: ["trec"] });
  const three = await samplesOf(task!, { samplesPerTask: 3, contextLength: 100_000 });
  expect(three).toEqual(await samplesOf(task!, { samplesPerTask: 3, contextLength: 100_000 }));
  const rows = three.map(({ metadata }) => metadata["row"] as number);
  expect(rows).toEqual(rows.toSorted((left, right) => left - right));
  expect(new Set(rows).size).toBe(3);
});

describe("prompts longer than the context", () => {
  test("lose their middle, are marked, and fit with template and answer", async () => {
    const tokenizer = demoTokenizer();
    for (const name of ["multifieldqa_en", "lcc"]) {
      const [task] = await tasks({ dataDirectory: folder, tasks: [name] });
      const samples = await samplesOf(task!, { contextLength: 2048, samplesPerTask: 3 });
      const cut = samples.filter(({ truncated }) => truncated);
      expect(cut.length).toBeGreaterThan(1);
      for (const sample of cut) {
        const tokens = sampleTokens(sample, tokenizer).length;
        expect(tokens + sample.maxNewTokens).toBeLessThanOrEqual(2048);
        expect(tokens + sample.maxNewTokens).toBeGreaterThan(2000);
        expect(sample.metadata["promptTokens"]).toBeGreaterThan(2048 - sample.maxNewTokens);
        // Both ends are kept: instructions stand there.
        const row = lookAlikeRows(name)[sample.metadata["row"] as number]!;
        const whole = longBenchPrompts[name]!.replace("{context}", () => row.context).replace("{input}", () => row.input);
        expect(promptText(sample).slice(0, 300)).toBe(whole.slice(0, 300));
        expect(promptText(sample).slice(-300)).toBe(whole.slice(-300));
      }
    }
  });

  test("are refused in strict mode", async () => {
    const [task] = await tasks({ dataDirectory: folder, tasks: ["multifieldqa_en"] });
    await expect(samplesOf(task!, { contextLength: 2048, strict: true })).rejects.toThrow(/multifieldqa_en\/\d takes \d+ tokens and 64 for its answer; the model's context is 2048/);
    await expect(samplesOf(task!, { contextLength: 70 })).rejects.toThrow("longer context");
  });
});

test("scores: the best reference; few-shot answers by their first line", async () => {
  const all = new Map((await tasks({ dataDirectory: folder })).map((task) => [task.name, task]));
  const score = async (name: string, output: string, references: readonly string[]) => {
    const [sample] = await samplesOf(all.get(name)!, { samplesPerTask: 1, contextLength: 100_000 });
    return all.get(name)!.score({ ...sample!, references }, output);
  };
  expect(await score("hotpotqa", "the mayor is Ada Abbott", ["nobody", "Mayor Ada Abbott"])).toBeCloseTo((2 * (3 / 4)) / (3 / 4 + 1), 12);
  expect(await score("trec", "\n\nPerson\nPlace", ["Person"])).toBe(1);
  expect(await score("trec", "Person or Place\nDate", ["Person"])).toBe(0.5);
  expect(await score("triviaqa", "harp\nPassage: violin", ["harp"])).toBe(1);
  expect(await score("samsum", "\none two\nthree", ["one two"])).toBeCloseTo(1, 6);
  expect(await score("passage_count", "There are 7, not 8.", ["7"])).toBe(0.5);
  expect(await score("passage_retrieval_en", "Paragraph 12", ["Paragraph 12"])).toBe(1);
  expect(await score("lcc", "// the next line\n        return this.x;\n}", ["        return this.x;"])).toBe(1);
  expect(await score("gov_report", "", ["One. Two."])).toBe(0);
});

test("the average weighs samples, categories weigh data sets", () => {
  const record = (task: string, category: string, score: number) => ({ task, category, lengthBucket: "0-4k", score });
  const records = [
    ...Array.from({ length: 224 }, () => record("qasper", "S-Doc QA", 0.4)),
    ...Array.from({ length: 150 }, () => record("multifieldqa_en", "S-Doc QA", 0.5)),
    ...Array.from({ length: 294 }, () => record("multi_news", "Summ", 0.25)),
  ];
  const summary = suite.aggregate(records);
  expect(summary.categories[0]!.score).toBeCloseTo(0.45, 12);
  expect(summary.average).toBeCloseTo((224 * 0.4 + 150 * 0.5 + 294 * 0.25) / 668, 12);
});

describe("bad data", () => {
  test("no folder, no file, a cut file, and a row in another form", async () => {
    await expect(suite.tasks({})).rejects.toThrow(/needs its data[\s\S]*data\.zip/);
    await expect(suite.tasks({ dataDirectory: join(folder, "absent") })).rejects.toThrow("does not exist");
    const own = mkdtempSync(join(tmpdir(), "longbench-"));
    await expect(suite.tasks({ dataDirectory: own, tasks: ["qasper"] })).rejects.toThrow("has no qasper_e.jsonl");
    const rows = lookAlikeRows("qasper").map((row) => JSON.stringify(row));
    writeFileSync(join(own, "qasper_e.jsonl"), rows.join("\n").slice(0, -40));
    await expect(suite.tasks({ dataDirectory: own, tasks: ["qasper"] })).rejects.toThrow(/qasper_e\.jsonl, line 6 is not JSON[\s\S]*download it again/);
    writeFileSync(join(own, "qasper_e.jsonl"), `${rows[0]}\n{"input": "x", "context": 3, "answers": ["y"]}\n`);
    await expect(suite.tasks({ dataDirectory: own, tasks: ["qasper"] })).rejects.toThrow(/row 2: context/);
  });

  test("unknown and Chinese data sets", async () => {
    await expect(suite.tasks({ dataDirectory: folder, tasks: ["hotpot_qa"] })).rejects.toThrow('Did you mean "hotpotqa"?');
    await expect(suite.tasks({ dataDirectory: folder, tasks: ["dureader"] })).rejects.toThrow("Chinese word segmentation");
    await expect(suite.tasks({ dataDirectory: folder, tasks: ["narrativeqa"] })).rejects.toThrow("There is no task called \"narrativeqa\"");
  });
});

test("the look-alike folder needs no files", async () => {
  for (const task of await findSuite("longbench").tasks({ dataDirectory: "look-alike" })) {
    const samples = await samplesOf(task, { tokenizer: plainTokenizer(), contextLength: 100_000, samplesPerTask: 2 });
    expect(samples).toHaveLength(2);
    for (const sample of samples) expect(sample.references[0]).not.toBe("");
  }
});

interface RealScore {
  readonly task: string;
  readonly prediction: "first" | "last700" | "head" | "mixed";
  readonly score: number;
}

const shared = sharedData("longbench_samples");
describe.skipIf(shared === undefined)("real samples (skipped without the shared data)", () => {
  // Scores by LongBench's published metrics, as in metrics.test.ts.
  const expected = JSON.parse(readFileSync(new URL("../fixtures/real-sample-scores.json", import.meta.url), "utf8")) as RealScore[];

  test("score as the published program scores them, within 1e-9", async () => {
    const differences: unknown[] = [];
    for (const task of await tasks({ dataDirectory: shared! })) {
      const [sample] = await samplesOf(task, { contextLength: 200_000 });
      const prompt = Array.from(promptText(sample!));
      const part = (start: number, end?: number) => prompt.slice(start, end).join("");
      const answer = sample!.references[0]!;
      const outputs = {
        first: answer,
        last700: part(-700),
        head: part(200, 1100),
        mixed: `\n\n${Array.from(answer).slice(0, Math.floor(Array.from(answer).length / 2) + 1).join("")} ${part(300, 360)}\nsecond line ${answer}`,
      };
      for (const { prediction, score } of expected.filter((each) => each.task === task.name)) {
        const ours = task.score(sample!, outputs[prediction]);
        if (!(Math.abs(ours - score) <= 1e-9)) differences.push({ task: task.name, prediction, score, ours });
      }
    }
    expect(expected).toHaveLength(52);
    expect(differences).toEqual([]);
  });

  test("prompts that were filled by others are ours to the letter", async () => {
    // That collection runs qasper with hotpotqa's prompt, and ends multi_news with a line break of its own.
    for (const task of await tasks({ dataDirectory: shared!, tasks: longBenchENames.filter((name) => name !== "qasper") })) {
      const [sample] = await samplesOf(task, { contextLength: 200_000 });
      const parts = longBenchPrompts[task.name]!.split(/\{context\}|\{input\}/);
      const text = task.name === "multi_news" ? promptText(sample!).replace(/\n$/, "") : promptText(sample!);
      expect(text.startsWith(parts[0]!)).toBe(true);
      expect(text.endsWith(parts.at(-1)!)).toBe(true);
      for (const part of parts) expect(text).toContain(part);
    }
  });
});
