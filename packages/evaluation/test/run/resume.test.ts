import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type EvaluationRecord, type FrontierPoint, readRecords, recordKey, registerSuite, RunFolder, summarizeRun } from "../../src/index.js";
import { killToy, recordLines, repeatable, runToy } from "./run-children.js";
import { readingSuite, toySuite } from "./toy-suite.mjs";

// Eight processes that load a model: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const folder = mkdtempSync(join(tmpdir(), "evaluation-resume-"));
const records = (name: string): EvaluationRecord[] => readRecords(join(folder, name, "records.jsonl"));
/** 2 tasks and 1 reading task, 2 lengths, 2 samples, 3 variants; 2 dial positions on 1 sample. */
const expected = 3 * 2 * (2 * 3 + 1 * 2);

beforeAll(() => {
  if (!existsSync(fileURLToPath(new URL("../../dist/index.js", import.meta.url)))) throw new Error("Build the package first: pnpm build.");
  registerSuite(toySuite);
  registerSuite(readingSuite);
  const { status, stderr } = runToy(join(folder, "whole"));
  if (status !== 0) throw new Error(stderr);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a run that was killed", () => {
  test("goes on where it stopped: the same records, none twice", async () => {
    const path = join(folder, "killed");
    let before = 0;
    for (const lines of [1, 9, 30]) {
      await killToy(path, lines, "--resume");
      const now = recordLines(path);
      expect(now.length).toBeGreaterThanOrEqual(Math.max(before, lines));
      expect(now.length).toBeLessThan(expected);
      before = now.length;
    }
    // What a kill in the middle of a write leaves behind.
    appendFileSync(join(path, "records.jsonl"), recordLines(path)[0]!.slice(0, 100));
    expect(runToy(path, 1, "--resume")).toMatchObject({ status: 0, stdout: `{"records":${expected},"ranks":1}\n` });
    expect(recordLines(path)).toHaveLength(expected);
    expect(records("killed").map(repeatable)).toEqual(records("whole").map(repeatable));
    expect(new Set(records("killed").map(recordKey)).size).toBe(expected);
  });

  test("has nothing left to do when it had ended", () => {
    const before = recordLines(join(folder, "whole"));
    expect(runToy(join(folder, "whole"), 1, "--resume").status).toBe(0);
    expect(recordLines(join(folder, "whole"))).toEqual(before);
  });

  test("is not overwritten by accident", () => {
    const { status, stderr } = runToy(join(folder, "whole"));
    expect(status).toBe(1);
    expect(stderr).toMatch(/holds another run[\s\S]*--resume/);
    expect(recordLines(join(folder, "whole"))).toHaveLength(expected);
  });
});

const mpirun = spawnSync("mpirun", ["--version"]).status === 0;

describe.skipIf(!mpirun)(`ranks${mpirun ? "" : " (skipped: mpirun is not installed)"}`, () => {
  test("share the samples out; the merged run is the single one", () => {
    const path = join(folder, "ranks");
    expect(runToy(path, 2)).toMatchObject({ status: 0, stdout: expect.stringContaining(`{"records":${expected},"ranks":2}`) as string });
    expect(records("ranks").map(repeatable)).toEqual(records("whole").map(repeatable));
    expect(readdirSync(path).sort()).toEqual(["records.jsonl", "run.json"]);
    const [one, two] = ["whole", "ranks"].map((name) => {
      const run = new RunFolder(join(folder, name));
      const { suites } = summarizeRun(run.description(), run.records());
      // Two runs differ in their times alone.
      const untimed = (point: FrontierPoint) => ({ ...point, prefillSeconds: 0, prefillShare: 0 });
      return suites.map((suite) => ({ ...suite, speed: [], frontier: suite.frontier.map(untimed) }));
    });
    expect(two).toEqual(one);
  });

  test("go on with what another number of ranks left", async () => {
    const path = join(folder, "mixed");
    await killToy(path, 20);
    const before = recordLines(path);
    expect(runToy(path, 2, "--resume").status).toBe(0);
    expect(records("mixed").map(repeatable)).toEqual(records("whole").map(repeatable));
    // Not one of them was run again: their times are still those of the first start.
    const after = new Set(recordLines(path));
    expect(before.every((line) => after.has(line))).toBe(true);
  });
});
