import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EvaluationError } from "@elastic-attention/core";
import { differingSettings, readRecords, RecordWriter, RunFolder } from "../../src/index.js";
import { describedRun, record } from "../report/made-records.js";

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "run-folder-"))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(folder: RunFolder, ...ids: string[]): void {
  using writer = new RecordWriter(folder.recordsPath(0, 1));
  for (const id of ids) writer.append(record({ id }));
}

describe("an output folder", () => {
  test("is claimed by its first run; another one is refused, and told what differs", () => {
    const folder = new RunFolder(join(root, "new", "run"));
    expect(folder.claim(describedRun(), false)).toEqual(describedRun());
    write(folder, "a");
    expect(() => folder.claim(describedRun(), false)).toThrow(/holds another run[\s\S]*--resume to continue it\./);
    const other = describedRun({ seed: 7, decode: "full" });
    expect(() => folder.claim(other, true)).toThrow(/other settings: seed is 7 and was 42; decode is "full" and was "routed"/);
    expect(() => folder.claim(other, false)).toThrow(EvaluationError);
    expect(readRecords(folder.recordsPath(0, 1)).map(({ id }) => id)).toEqual(["a"]);
  });

  test("goes on with its own description: the machine may be another one", () => {
    const folder = new RunFolder(join(root, "run"));
    folder.claim(describedRun(), false);
    write(folder, "a");
    const later = describedRun({}, { startedAt: "2027-01-01T00:00:00.000Z", cores: 64 });
    expect(folder.claim(later, true)).toEqual(describedRun());
  });

  test("of a start that failed before its first record is free", () => {
    const folder = new RunFolder(join(root, "run"));
    folder.claim(describedRun(), false);
    expect(folder.claim(describedRun({ seed: 7 }), false).settings.seed).toBe(7);
  });

  test("with other things in it is left alone", () => {
    writeFileSync(join(root, "thesis.tex"), "do not touch");
    expect(() => new RunFolder(root).claim(describedRun(), true)).toThrow(/not empty and holds no run: thesis\.tex/);
    expect(readFileSync(join(root, "thesis.tex"), "utf8")).toBe("do not touch");
  });

  test("merges the files of ranks and keeps each record once", () => {
    const folder = new RunFolder(join(root, "run"));
    folder.claim(describedRun(), false);
    for (const rank of [0, 1]) {
      using writer = new RecordWriter(folder.recordsPath(rank, 2));
      writer.append(record({ id: `of ${rank}`, index: 1 - rank }));
      writer.append(record({ id: "both", index: 5 }));
    }
    expect(folder.records().map(({ id }) => id)).toEqual(["of 1", "of 0", "both"]);
    folder.merge(folder.records());
    expect(readRecords(folder.recordsPath(0, 1))).toHaveLength(3);
    expect(readRecords(folder.recordsPath(1, 2))).toHaveLength(0);
  });
});

describe("a file of records", () => {
  test("loses the half line of a killed run, and nothing else", () => {
    const folder = new RunFolder(root);
    const path = folder.recordsPath(0, 1);
    write(folder, "a", "b");
    appendFileSync(path, '{"suite":"ruler","id":"half');
    expect(readRecords(path).map(({ id }) => id)).toEqual(["a", "b"]);
    write(folder, "c");
    expect(readFileSync(path, "utf8").match(/\n/g)).toHaveLength(3);
    expect(readRecords(path).map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  test("names a damaged line and what is wrong with it", () => {
    const path = join(root, "records.jsonl");
    writeFileSync(path, `${JSON.stringify(record({}))}\nnot json\n`);
    expect(() => readRecords(path)).toThrow(/Line 2 of .*records\.jsonl is no record: it is not JSON/);
    writeFileSync(path, `${JSON.stringify({ ...record({}), score: "high" })}\n`);
    expect(() => readRecords(path)).toThrow(/Line 1 .*score: /);
  });
});

test("settings differ by name, with both values", () => {
  const { settings } = describedRun();
  expect(differingSettings(settings, settings)).toEqual([]);
  expect(differingSettings(settings, { ...settings, sweepSamples: 3 })).toEqual(["sweepSamples is 3 and was not set"]);
});

test("settings that hold others differ by the place of the value", () => {
  const { settings } = describedRun();
  const variants = settings.variants.map((variant) => (variant.name === "fa-ssa@1" ? { ...variant, sparsity: 0.9 } : variant));
  expect(differingSettings(settings, { ...settings, variants } as typeof settings)).toEqual(["variants[3].sparsity is 0.9 and was 1"]);
  const suites = [...settings.suites, { name: "more", tasks: [] }];
  expect(differingSettings(settings, { ...settings, suites })).toEqual(['suites[1] is {"name":"more","tasks":[]} and was not set']);
});

test("long values are shown from where they differ, so that both sides never read alike", () => {
  const { settings } = describedRun();
  const long = "official data from a folder with a very long path that both of them share: ";
  const withData = (data: string) => ({ ...settings, suites: [{ ...settings.suites[0]!, data: `${long}${data}` }] });
  const [difference] = differingSettings(withData("spring"), withData("autumn"));
  expect(difference).toMatch(/^suites\[0\]\.data is …[^…]*autumn" and was …[^…]*spring"$/);
});

describe("run.json", () => {
  const damaged = (text: string) => {
    const folder = new RunFolder(root);
    writeFileSync(join(root, "run.json"), text);
    return () => folder.description();
  };

  test("comes back as it was written, with settings that only a later version knows", () => {
    const later = describedRun({ newer: 3 } as object);
    expect(damaged(JSON.stringify(later))()).toEqual(later);
  });

  test("that is missing, no JSON, or lacks a setting is refused by name", () => {
    expect(() => new RunFolder(root).description()).toThrow(/holds no run/);
    expect(damaged("{")).toThrow(/run\.json does not describe a run: it is not a JSON object/);
    expect(damaged("{}")).toThrow(/run\.json does not describe a run: settings: /);
    const { settings, environment } = describedRun();
    expect(damaged(JSON.stringify({ settings: { ...settings, seed: "many" }, environment }))).toThrow(/settings\.seed: /);
    expect(damaged(JSON.stringify({ settings: { ...settings, variants: [{ name: "x", kind: "guess" }] }, environment }))).toThrow(/settings\.variants\.0\.kind: /);
    expect(damaged(JSON.stringify({ settings, environment: { ...environment, cores: null } }))).toThrow(EvaluationError);
  });
});
