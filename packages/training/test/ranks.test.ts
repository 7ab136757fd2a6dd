import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { writeTinyModel, writeTinyRows } from "./tiny-model.js";

// Each rank is a process that loads a model: two seconds on an idle machine.
vi.setConfig({ testTimeout: 240_000 });

const program = fileURLToPath(new URL("train-ranks.mjs", import.meta.url));
const built = (path: string) => existsSync(fileURLToPath(new URL(`../${path}`, import.meta.url)));
// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

/** Why two ranks cannot be started here, or undefined. */
function withoutRanks(): string | undefined {
  if (spawnSync("mpirun", ["--version"]).status !== 0) return "mpirun is not installed";
  if (!built("../distributed/build/Release/elastic_attention_mpi.node")) return "the MPI addon is not built";
  return built("dist/index.js") ? undefined : "the package is not built";
}

let folder: string;
let model: ReturnType<typeof writeTinyModel>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "train-ranks-"));
  model = writeTinyModel();
  writeTinyRows(folder, Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 + i }, (__, word) => `word${(5 * i + word) % 11}`).join(" ")));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  model[Symbol.dispose]();
});

interface RankLine {
  readonly rank: number;
  readonly name: string;
  readonly losses: readonly (readonly number[])[];
}

/** Trains on so many ranks; each rank's line, in the order of ranks. */
function train(output: string, ranks: number, optimizer: { steps: number; packsPerStep: number }, ...options: string[]): RankLine[] {
  const config = join(folder, `${output}.json`);
  writeFileSync(
    config,
    JSON.stringify({
      output,
      data: { files: ["rows.jsonl"], layout: "plain", packTokens: 90, minimumTokens: 10, pooling: 8 },
      router: { width: 1, initializerRange: 0.1 },
      optimizer: { routerLearningRate: 0.01, ...optimizer },
      checkpointEvery: 2,
    }),
  );
  const root = process.getuid?.() === 0 ? ["--allow-run-as-root"] : [];
  const launcher = ranks === 1 ? [] : ["mpirun", "-n", String(ranks), "--oversubscribe", ...root];
  const [file, ...rest] = [...launcher, process.execPath, program, model.path, config, ...options];
  const { status, stdout, stderr } = spawnSync(file!, rest, { encoding: "utf8", env: environment, timeout: 120_000 });
  if (status !== 0 && !stderr.includes("stopped as asked")) throw new Error(`${output} ended with ${status}: ${stderr}`);
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as RankLine).sort((a, b) => a.rank - b.rank);
}

/** Every tensor of a run's checkpoint: routers, multipliers and both moments of each. */
function trained(output: string): Map<string, number[]> {
  using file = SafetensorsFile.open(join(folder, output, "checkpoint.safetensors"));
  return new Map([...file.tensors.keys()].map((name) => [name, [...new Float32Array(file.read(name).slice().buffer)]]));
}

const reason = withoutRanks();

describe.skipIf(reason !== undefined)(`training under mpirun${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  test.each([2, 5])("two processes give the parameters of one with all packs of a step (%i), bit for bit", (packsPerStep) => {
    const [one] = train(`one-${packsPerStep}`, 1, { steps: 4, packsPerStep });
    const two = train(`two-${packsPerStep}`, 2, { steps: 4, packsPerStep });
    expect(two.map(({ rank, name }) => [rank, name])).toEqual([[0, "MPI"], [1, "MPI"]]);
    expect(trained(`two-${packsPerStep}`)).toEqual(trained(`one-${packsPerStep}`));
    // Norms are taken of the means, so both ranks see those of the one process; losses are summed in another order.
    for (const { losses } of two) {
      expect(losses.map(([, norm, tokens]) => [norm, tokens])).toEqual(one!.losses.map(([, norm, tokens]) => [norm, tokens]));
      for (const [step, [loss]] of losses.entries()) expect(loss).toBeCloseTo(one!.losses[step]![0]!, 12);
    }
    // Steps change what is compared.
    const norms = one!.losses.map(([, norm]) => norm!);
    expect(norms.every((norm) => norm > 0)).toBe(true);
    expect(new Set(norms).size).toBe(4);
  });

  test("two processes go on from what one left", () => {
    train("one", 1, { steps: 4, packsPerStep: 2 });
    const whole = trained("one");
    expect(train("handed-over", 1, { steps: 4, packsPerStep: 2 }, "stop=2")).toEqual([]);
    expect(trained("handed-over")).not.toEqual(whole);
    expect(train("handed-over", 2, { steps: 4, packsPerStep: 2 }, "resume").map(({ losses }) => losses.length)).toEqual([2, 2]);
    expect(trained("handed-over")).toEqual(whole);
  });
});
