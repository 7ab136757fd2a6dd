import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotFiniteLossError, TrainingCheckpointError, TrainingConfigError } from "@elastic-attention/core";
import type { Communicator } from "@elastic-attention/distributed";
import { SafetensorsFile, writeSafetensors } from "@elastic-attention/tensor";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  PackStream,
  publishedTemperature,
  RouterParameters,
  RouterPolicy,
  type RunIdentity,
  SparsityObjective,
  type StepReport,
  Trainer,
  type TrainerOptions,
} from "../src/index.js";
import { toyExample, toySizes, ToyStepper } from "./toy-stepper.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "trainer-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const numRows = 24;
const identity: RunIdentity = { model: "toy", policy: "softmax routers", settings: { seed: 5 } };

interface ToyRun {
  readonly trainer: Trainer;
  readonly stepper: ToyStepper;
  readonly policy: RouterPolicy;
  readonly objective: SparsityObjective;
  readonly reports: StepReport[];
}

function toyRun(changes: Partial<TrainerOptions> = {}): ToyRun {
  const stepper = new ToyStepper();
  const { numLayers, headDim } = toySizes;
  const policy = new RouterPolicy(stepper.backend, RouterParameters.initialize({ numLayers, headDim, width: 16, classes: 2 }, 5), "softmax");
  const objective = new SparsityObjective({
    tasks: [{ name: "sensitive", kind: "sensitive", target: 0.5 }, { name: "robust", kind: "robust", target: 1 }],
    seed: 5,
  });
  const source = { numRows, parts: [0], read: async (row: number) => row, where: (row: number) => `row ${row}`, [Symbol.dispose]() {} };
  const packs = new PackStream(source, (row) => toyExample(row as number), {
    packTokens: 40,
    minimumTokens: 1,
    lengths: "error",
    lossTokens: "all",
    pooling: { kind: "boundary", tokens: 100 },
    pooledTurn: "user",
    seed: 5,
  });
  const reports: StepReport[] = [];
  const trainer = new Trainer({
    stepper,
    policy,
    objective,
    packs,
    retrievalMode: { kind: "full" },
    sparseMode: { kind: "streaming", sinkTokens: 4, localTokens: 4, blockSize: 4 },
    steps: 12,
    packsPerStep: 2,
    temperature: publishedTemperature,
    schedule: {},
    routerLearningRate: 0.01,
    multiplierLearningRate: 0.01,
    weightDecay: 0.1,
    clip: 5,
    seed: 5,
    activationCheckpointing: false,
    identity,
    onStep: (report) => reports.push(report),
    ...changes,
  });
  return { trainer, stepper, policy, objective, reports };
}

/** All trained values. */
function trained({ policy, objective }: ToyRun): number[][] {
  return [...policy.parameters, objective.linear, objective.quadratic].map((array) => [...array]);
}

describe("training", () => {
  test("routers learn which task needs which heads; multipliers grow", async () => {
    const run = toyRun({ steps: 60, packsPerStep: 4 });
    await run.trainer.run();
    const [first, last] = [run.reports[0]!, run.reports.at(-1)!];
    expect(run.reports).toHaveLength(60);
    expect(last.languageModelLoss).toBeLessThan(0.4 * first.languageModelLoss);
    const [sensitive, robust] = last.tasks;
    expect(robust!.sparsity! - sensitive!.sparsity!).toBeGreaterThan(0.3);
    expect(sensitive!.linear).toBeGreaterThan(first.tasks[0]!.linear);
    expect(last.tokens).toBeGreaterThan(4 * 20);
    expect([last.step, last.steps, last.secondsLeft, last.temperature]).toEqual([60, 60, 0, 1]);
  });

  test("leaves no tensors on the backend", async () => {
    const run = toyRun({ steps: 2 });
    await run.trainer.run();
    run.policy[Symbol.dispose]();
    expect(run.stepper.backend.memory().liveAllocations).toBe(0);
  });

  test("a resumed run is the uninterrupted one, bit for bit", async () => {
    const whole = toyRun();
    await whole.trainer.run();
    const checkpointPath = join(folder, "checkpoint.safetensors");
    const controller = new AbortController();
    const first = toyRun({ checkpointPath, signal: controller.signal, onStep: ({ step }) => step === 5 && controller.abort(new Error("stop")) });
    await expect(first.trainer.run()).rejects.toThrow("stop");
    const second = toyRun({ checkpointPath });
    second.trainer.resume();
    expect(second.trainer.step).toBe(5);
    await second.trainer.run();
    expect(trained(second)).toEqual(trained(whole));
    expect(second.reports.map(({ loss }) => loss)).toEqual(whole.reports.slice(5).map(({ loss }) => loss));
  });

  test.each([[2, 2], [2, 5], [3, 4]])("%i ranks give the parameters of one rank with as many packs (%i)", async (size, packsPerStep) => {
    const one = toyRun({ steps: 5, packsPerStep });
    await one.trainer.run();
    const ranks = localRanks(size).map((communicator) => toyRun({ steps: 5, packsPerStep, communicator }));
    await Promise.all(ranks.map(({ trainer }) => trainer.run()));
    for (const rank of ranks) expect(trained(rank)).toEqual(trained(one));
    for (const [step, { loss, tokens }] of one.reports.entries()) {
      const report = ranks[1]!.reports[step]!;
      expect(report.tokens).toBe(tokens);
      // The losses themselves are float64, so their sum over packs depends on its order.
      expect(report.loss).toBeCloseTo(loss, 12);
    }
  });

  test("more ranks than packs are refused", () => {
    expect(() => toyRun({ communicator: localRanks(3)[0]! })).toThrow(TrainingConfigError);
  });
});

describe("when something goes wrong", () => {
  test("a loss that is no number stops with the step and the rows, and the steps before are saved", async () => {
    const checkpointPath = join(folder, "checkpoint.safetensors");
    const run = toyRun({ checkpointPath });
    run.stepper.brokenCall = 7;
    const error: unknown = await run.trainer.run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotFiniteLossError);
    expect((error as NotFiniteLossError).step).toBe(3);
    expect((error as NotFiniteLossError).rows.length).toBeGreaterThan(1);
    expect((error as NotFiniteLossError).savedTo).toBe(checkpointPath);
    const resumed = toyRun({ checkpointPath });
    resumed.trainer.resume();
    await resumed.trainer.run();
    const whole = toyRun();
    await whole.trainer.run();
    expect(trained(resumed)).toEqual(trained(whole));
  });

  test("every rank stops when one rank's loss is no number", async () => {
    const ranks = localRanks(2).map((communicator) => toyRun({ communicator }));
    ranks[1]!.stepper.brokenCall = 2;
    const errors = await Promise.all(ranks.map(({ trainer }) => trainer.run().catch((reason: unknown) => reason)));
    for (const error of errors) expect(error).toBeInstanceOf(NotFiniteLossError);
  });

  test("resuming another model, policy or configuration is refused by name", async () => {
    const checkpointPath = join(folder, "checkpoint.safetensors");
    await toyRun({ checkpointPath, steps: 1 }).trainer.run();
    const resume = (changes: Partial<RunIdentity>) => () => toyRun({ checkpointPath, identity: { ...identity, ...changes } }).trainer.resume();
    expect(resume({ model: "another" })).toThrow(/another model/);
    expect(resume({ policy: "static gates" })).toThrow(/trains softmax routers, this run trains static gates/);
    expect(resume({ settings: { seed: 6 } })).toThrow(/seed = 5, now it is 6/);
    expect(resume({})).not.toThrow();
    expect(() => toyRun({ checkpointPath: join(folder, "none.safetensors") }).trainer.resume()).toThrow(TrainingCheckpointError);
  });

  test("a checkpoint that misses an array is refused before anything of it is taken", async () => {
    const checkpointPath = join(folder, "checkpoint.safetensors");
    await toyRun({ checkpointPath, steps: 2 }).trainer.run();
    using file = SafetensorsFile.open(checkpointPath);
    const names = [...file.tensors.keys()];
    const cut = new Map(names.slice(0, -1).map((name) => [name, { type: "F32" as const, shape: file.tensors.get(name)!.shape, bytes: () => file.read(name) }]));
    writeSafetensors(checkpointPath, cut, Object.fromEntries(file.metadata));
    const run = toyRun({ checkpointPath });
    const before = trained(run).map((values) => [...values]);
    expect(() => run.trainer.resume()).toThrow(TrainingCheckpointError);
    expect(() => run.trainer.resume()).toThrow(new RegExp(`has no "${names.at(-1)!}" of \\d+ values`));
    expect([trained(run), run.trainer.step]).toEqual([before, 0]);
  });

  test("a checkpoint that cannot be written leaves the old one whole", async () => {
    const checkpointPath = join(folder, "checkpoint.safetensors");
    await toyRun({ checkpointPath, steps: 1 }).trainer.run();
    const before = readFileSync(checkpointPath);
    const full = toyRun({ checkpointPath, steps: 3 });
    full.trainer.resume();
    // A disk that fills up in the middle of the file: the third array has no bytes to give.
    Object.defineProperty(full.objective.linear, "buffer", { get: () => { throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" }); } });
    await expect(full.trainer.run()).rejects.toThrow(/no space left on device.*unchanged/s);
    expect(readFileSync(checkpointPath).equals(before)).toBe(true);
  });
});

/** Ranks in one process that meet in shared promises. */
function localRanks(size: number): Communicator[] {
  const rounds: Uint8Array[][] = [];
  const waiting: ((parts: Uint8Array[]) => void)[][] = [];
  return Array.from({ length: size }, (_, rank) => {
    let round = 0;
    const allGather = (bytes: Uint8Array) =>
      new Promise<Uint8Array[]>((resolve) => {
        const at = round++;
        (rounds[at] ??= [])[rank] = bytes.slice();
        (waiting[at] ??= []).push(resolve);
        if (waiting[at].length === size) for (const each of waiting[at]) each(rounds[at]!);
      });
    return {
      name: "local",
      rank,
      size,
      allGather,
      barrier: async () => void (await allGather(new Uint8Array(0))),
      broadcast: async (bytes: Uint8Array, root: number) => (await allGather(bytes))[root]!,
      async allReduceSum(values: Float32Array | Float64Array) {
        const parts = await allGather(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
        values.fill(0);
        for (const part of parts) {
          const numbers = values instanceof Float32Array ? new Float32Array(part.buffer) : new Float64Array(part.buffer);
          for (let i = 0; i < values.length; i++) values[i]! += numbers[i]!;
        }
      },
      abort: (reason: unknown): never => {
        throw reason;
      },
      close: async () => {},
    };
  });
}
