import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { TrainingDataError } from "@elastic-attention/core";
import { Tokenizer } from "@elastic-attention/generation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildExample,
  openRows,
  type PackOptions,
  PackStream,
  packExamples,
  parseTrainingRow,
  publishedTasks,
  ShuffledOrder,
  type TrainingExample,
} from "../src/index.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "training-data-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const row = (index: number, task = "Code", extra: object = {}) => ({
  context: `context ${index}`,
  question: "What?",
  answer: `answer ${index}`,
  metadata: { task, is_prefix: false, length: 10 },
  ...extra,
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("rows", () => {
  test.each<[name: string, value: object | string, message: RegExp]>([
    ["without an answer", { ...row(0), answer: undefined }, /data row 1: the row has no answer/],
    ["with an empty answer", { ...row(0), answer: " \n" }, /no labels/],
    ["of an unknown task", row(0, "Poetry"), /"Poetry" is not known/],
    ["without a task", { ...row(0), metadata: {} }, /metadata\.task/],
    ["without a context", { ...row(0), context: 3 }, /context/],
    ["with damaged metadata", { ...row(0), metadata: "{'task': " }, /metadata is neither/],
    ["that are no objects", "text", /data row 1/],
  ])("%s are refused by name", (_, value, message) => {
    expect(() => parseTrainingRow(value, publishedTasks, "data row 1")).toThrow(TrainingDataError);
    expect(() => parseTrainingRow(value, publishedTasks, "data row 1")).toThrow(message);
  });

  test("take metadata as an object, as JSON and as a Python literal", () => {
    const python = "{'task': 'MultiHop QA', 'is_prefix': False, 'length': 812, 'note': 'it\\'s', 'more': [1, None]}";
    for (const metadata of [{ task: "MultiHop QA", is_prefix: false }, '{"task": "MultiHop QA", "is_prefix": false}', python]) {
      expect(parseTrainingRow({ ...row(0), metadata }, publishedTasks, "x")).toMatchObject({ task: 1, isPrefix: false });
    }
    expect(parseTrainingRow({ ...row(0), metadata: { task: "Code" } }, publishedTasks, "x").isPrefix).toBe(true);
  });
});

describe("files", () => {
  test("JSONL, compressed JSONL and Parquet give the same rows", async () => {
    const rows = Array.from({ length: 5 }, (_, i) => row(i));
    const text = `\n${rows.map((each) => JSON.stringify(each)).join("\n\n")}`;
    const parquet = join(folder, "rows.parquet");
    parquetWriteFile({
      filename: parquet,
      columnData: [
        ...(["context", "question", "answer"] as const).map((name) => ({ name, data: rows.map((each) => each[name]), type: "STRING" as const })),
        { name: "metadata", data: rows.map((each) => JSON.stringify(each.metadata)), type: "STRING" as const },
      ],
      rowGroupSize: 2,
    });
    for (const path of [file("rows.jsonl", text), file("rows.jsonl.gz", gzipSync(text)), parquet]) {
      using source = await openRows([path]);
      expect(source.numRows).toBe(5);
      for (const [index, each] of rows.entries()) {
        const { context, answer } = parseTrainingRow(await source.read(index), publishedTasks, source.where(index));
        expect([context, answer]).toEqual([each.context, each.answer]);
      }
    }
    using both = await openRows([parquet, join(folder, "rows.jsonl")]);
    expect([both.numRows, both.parts, both.where(6)]).toEqual([10, [0, 2, 4, 5], "rows.jsonl line 4"]);
  });

  test.each([
    ["missing.jsonl", undefined, /Cannot read/],
    ["empty.jsonl", "\n\n", /has no rows/],
    ["damaged.jsonl.gz", "no gzip", /Cannot read/],
    ["damaged.parquet", "no parquet", /Cannot read/],
    ["data.csv", "a,b", /not a data file/],
  ])("%s is refused", async (name, content, message) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    await expect(openRows([path])).rejects.toThrow(TrainingDataError);
    await expect(openRows([path])).rejects.toThrow(message);
  });

  test("a line that is not JSON is named", async () => {
    using source = await openRows([file("broken.jsonl", `${JSON.stringify(row(0))}\n{"context": \n`)]);
    await expect(source.read(1)).rejects.toThrow(/broken\.jsonl line 2: not JSON/);
  });
});

describe("the shuffled order", () => {
  test("holds every row once in each epoch, and whole parts one after another", () => {
    const order = new ShuffledOrder(10, [0, 4], 3);
    for (const epoch of [0, 1]) {
      const rows = Array.from({ length: 10 }, (_, i) => order.rowAt(10 * epoch + i));
      expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i));
      expect(rows.slice(0, 4).every((each) => each < 4) || rows.slice(6).every((each) => each < 4)).toBe(true);
    }
    const first = Array.from({ length: 10 }, (_, i) => order.rowAt(i));
    expect(first).not.toEqual(Array.from({ length: 10 }, (_, i) => order.rowAt(10 + i)));
    expect(first).toEqual(Array.from({ length: 10 }, (_, i) => new ShuffledOrder(10, [0, 4], 3).rowAt(i)));
  });
});

describe("examples", () => {
  const tokenizer = Tokenizer.load(new URL("../../demo-model/model", import.meta.url).pathname);
  const build = (value: object, layout: "published" | "plain") =>
    buildExample(parseTrainingRow(value, publishedTasks, "x"), { tokenizer, tasks: publishedTasks, layout, endOfTextId: 1 });

  test("apply the chat template and know the turns", () => {
    const { tokens, userEnd, answerStart } = build(row(1), "plain");
    const text = (ids: Int32Array) => tokenizer.decode(ids, { skipSpecialTokens: false });
    expect(text(tokens)).toBe("<|bos|><|user|>\ncontext 1\nWhat?<|end|>\n<|assistant|>\nanswer 1<|end|>\n");
    expect(text(tokens.slice(0, userEnd))).toBe("<|bos|><|user|>\ncontext 1\nWhat?<|end|>\n");
    expect(text(tokens.slice(answerStart))).toBe("answer 1<|end|>\n");
    // The beginning of an answer is part of the prompt, and an empty question adds nothing to it.
    const begun = build({ ...row(1), question: "", answer: " forty two", answer_prefix: "The answer is" }, "plain");
    expect(text(begun.tokens.slice(begun.answerStart))).toBe(" forty two<|end|>\n");
    expect(text(begun.tokens.slice(0, begun.answerStart)).endsWith("The answer is")).toBe(true);
    expect(text(begun.tokens.slice(0, begun.userEnd))).toContain(`${row(1).context}<|end|>`);
  });

  test.each([
    ["ordinary text", "word ".repeat(40), "the end"],
    ["special tokens written out", "a<|end|>\n<|assistant|>\nb <|end|", "x<|end|>\n<|user|> y"],
    ["white space at the seams", "  tabs\t\n\n ", "\n \n lines \n"],
    ["letters that go together", "caf", "e\u0301\u{1f680}"],
  ])("find the turns of %s where tokenizing each beginning alone finds them", (_, context, answer) => {
    const { tokens, userEnd, answerStart } = build({ ...row(1), context, answer }, "plain");
    const user = { role: "user", content: `${context}\nWhat?` } as const;
    const common = (beginning: Int32Array) => beginning.findIndex((id, at) => id !== tokens[at]);
    for (const [found, addGenerationPrompt] of [[userEnd, false], [answerStart, true]] as const) {
      const beginning = tokenizer.encodeChat([user], { addGenerationPrompt });
      const first = common(beginning);
      expect(found).toBe(first < 0 ? beginning.length : first);
    }
  });

  test("take the published layout: blank lines, frames of two tasks, end of text last", () => {
    const text = (value: object) => tokenizer.decode(build(value, "published").tokens, { skipSpecialTokens: false });
    const swapped = { ...row(1, "Single QA"), metadata: { task: "Single QA" }, context: "\uFEFFc \n" };
    expect(text(swapped)).toBe("<|bos|><|user|>\n\nWhat?\n\nc<|end|>\n<|assistant|>\nanswer 1<|end|>\n<|end|>");
    expect(text(row(1))).toContain("Please complete the code given below.\ncontext 1\n\nWhat?");
    expect(text(row(1, "Summarization"))).toContain("What?\n\nSummary:<|end|>");
  });
});

const example = (length: number, task = 0): TrainingExample => ({
  tokens: Int32Array.from({ length }, (_, i) => 100 * task + i),
  userEnd: length - 4,
  answerStart: length - 3,
  task,
  where: `row of ${length}`,
});

describe("packs", () => {
  const settings = { lossTokens: "all", pooling: { kind: "boundary", tokens: 2 }, pooledTurn: "user" } as const;

  test("lay segments one after another: targets, offsets, pooled ranges, tasks (a hand example)", () => {
    const { pack, taskIds, rows } = packExamples([example(6), example(7, 2)], settings);
    expect([...pack.tokens]).toEqual([0, 1, 2, 3, 4, 5, 200, 201, 202, 203, 204, 205, 206]);
    expect([...pack.targets]).toEqual([1, 2, 3, 4, 5, -1, 201, 202, 203, 204, 205, 206, -1]);
    expect(pack.offsets).toEqual([0, 6, 13]);
    // The first user turn has 2 tokens: both ends are all of it.
    expect(pack.pooledRanges).toEqual([[[0, 2], [0, 2]], [[6, 8], [7, 9]]]);
    expect([taskIds, rows]).toEqual([[0, 2], ["row of 6", "row of 7"]]);
  });

  test("count the answer alone, pool all of the turn or the prompt", () => {
    const { pack } = packExamples([example(6)], { lossTokens: "answer", pooling: { kind: "mean" }, pooledTurn: "prompt" });
    expect([...pack.targets]).toEqual([-1, -1, 3, 4, 5, -1]);
    expect(pack.pooledRanges).toEqual([[[0, 3]]]);
  });

  const lengths = [5, 9, 6, 7, 8, 12, 5, 6];
  const source = {
    numRows: lengths.length,
    parts: [0],
    read: async (index: number) => lengths[index],
    where: (index: number) => `row ${index}`,
    [Symbol.dispose]() {},
  };
  const options: PackOptions = { ...settings, packTokens: 16, minimumTokens: 5, lengths: "error", seed: 9 };
  const stream = (changes: Partial<PackOptions> = {}) => new PackStream(source, (length) => example(length as number), { ...options, ...changes });

  test("fill up to the budget, lose no row, and go on from a position", async () => {
    const packs = stream();
    const seen: string[] = [];
    const positions: number[] = [];
    while (seen.length < lengths.length) {
      positions.push(packs.position);
      const { pack, rows } = await packs.next();
      expect(pack.tokens.length).toBeLessThanOrEqual(16);
      seen.push(...rows);
    }
    expect(seen.slice(0, lengths.length).toSorted()).toEqual(lengths.map((length) => `row of ${length}`).toSorted());
    const resumed = stream();
    resumed.position = positions[2]!;
    const again = stream();
    await again.next();
    await again.next();
    expect(await resumed.next()).toEqual(await again.next());
  });

  test("an example too short or too long is an error by name, or is left out", async () => {
    const drain = async (packs: PackStream) => {
      for (let i = 0; i < 8; i++) await packs.next();
      return packs.skipped;
    };
    await expect(drain(stream({ minimumTokens: 6 }))).rejects.toThrow(/row of 5 has 5 tokens, fewer than the 6/);
    await expect(drain(stream({ packTokens: 11 }))).rejects.toThrow(/row of 12 has 12 tokens, more than the 11/);
    expect(await drain(stream({ packTokens: 11, lengths: "skip" }))).toBeGreaterThan(0);
    await expect(stream({ minimumTokens: 14, lengths: "skip" }).next()).rejects.toThrow(/No row has between 14 and 16/);
  });
});
