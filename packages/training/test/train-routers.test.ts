import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrainingCheckpointError, TrainingDataError } from "@elastic-attention/core";
import { SingleProcess } from "@elastic-attention/distributed";
import { registerQwen } from "@elastic-attention/model-qwen";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { findModelAdapter, forward, loadRouterFile, PretrainedModel } from "@elastic-attention/transformer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  analyzeRouters,
  openFrozenModel,
  parseTrainingConfig,
  readExamples,
  RouterParameters,
  type TrainingConfig,
  trainingFiles,
  TrainingLog,
  trainRouters,
  type TrainRoutersOptions,
} from "../src/index.js";
import { writeTinyModel, writeTinyRows } from "./tiny-model.js";

registerQwen();
let folder: string;
let model: ReturnType<typeof writeTinyModel>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "train-routers-"));
  model = writeTinyModel();
  writeTinyRows(folder, Array.from({ length: 6 }, (_, i) => Array.from({ length: 12 }, (__, word) => `word${(7 * i + word) % 10}`).join(i % 2 === 0 ? " " : "\n")));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  model[Symbol.dispose]();
});

function configure(output: string, changes: object = {}): TrainingConfig {
  return parseTrainingConfig({
    output: join(folder, output),
    data: { files: [join(folder, "rows.jsonl")], layout: "plain", packTokens: 130, minimumTokens: 10, pooling: 8 },
    router: { width: 1 },
    optimizer: { steps: 4, packsPerStep: 1, routerLearningRate: 0.01 },
    activationCheckpointing: true,
    checkpointEvery: 2,
    ...changes,
  });
}

async function train(config: TrainingConfig, path = model.path, options: Partial<TrainRoutersOptions> = {}) {
  using backend = new ReferenceBackend();
  const last = await (async () => {
    using frozen = await openFrozenModel({ path, backend });
    return await trainRouters({ config, model: frozen, communicator: new SingleProcess(), resume: false, ...options });
  })();
  expect(backend.memory().liveAllocations).toBe(0);
  return last;
}

describe("a training run", () => {
  test("writes routers that the model takes, a published checkpoint, a log and a report", async () => {
    const config = configure("whole", { save: "both" });
    const last = await train(config);
    expect([last!.step, last!.tasks[0]!.name]).toEqual([4, "Single QA"]);
    expect(Number.isFinite(last!.loss)).toBe(true);
    const files = trainingFiles(config.output);
    expect(new TrainingLog(files.log).read()).toHaveLength(4);
    expect(readFileSync(files.html, "utf8")).toContain("4 of 4 steps");
    using backend = new ReferenceBackend();
    const logits: Float32Array[] = [];
    for (const options of [{ path: model.path, routers: files.routers }, { path: files.paw }]) {
      using opened = await PretrainedModel.open({ ...options, backend });
      const { retrievalMode, sparseMode } = opened.spec.elastic!;
      expect(sparseMode).toEqual({ kind: "streaming", sinkTokens: 4, localTokens: 8, blockSize: 4 });
      logits.push((await forward(opened.decoder, [5, 6, 7, 8], 1, opened.learnedRouter(retrievalMode, sparseMode))).routerLogits!);
    }
    expect(logits[0]).toEqual(logits[1]);
  });

  test("leaves routers that can be analyzed", async () => {
    const config = configure("analyzed", { optimizer: { steps: 1, packsPerStep: 1 } });
    await train(config);
    const { routers } = trainingFiles(config.output);
    const backend = new ReferenceBackend();
    {
      using opened = await PretrainedModel.open({ path: model.path, routers, backend });
      const { layers } = loadRouterFile(routers, findModelAdapter(opened.config), opened.spec, backend);
      const parameters = RouterParameters.fromWeights(layers);
      for (const layer of layers) layer[Symbol.dispose]();
      const examples = await readExamples(config, { directory: model.path, spec: opened.spec }, 2);
      const tasks = config.tasks.map(({ name }) => name);
      const analysis = await analyzeRouters({ model: opened, parameters, pooling: { kind: "boundary", tokens: 8 }, tasks, examples });
      expect(analysis.prompts).toEqual([2, 0, 0, 2, 0]);
      expect(analysis.before[0]![0]).toBeCloseTo(1, 9);
      expect(analysis.after[0]![3]).toBeLessThan(1);
      expect(analysis.after[0]![1]).toBeNaN();
      expect(analysis.sparse[0]!.flat().every((share) => [0, 0.5, 1].includes(share))).toBe(true);
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("resumes bit for bit, and refuses another model", async () => {
    const whole = configure("uninterrupted");
    await train(whole);
    const config = configure("resumed");
    const controller = new AbortController();
    const stop = { signal: controller.signal, onStep: ({ step }: { step: number }) => step === 3 && controller.abort(new Error("Ctrl-C")) };
    await expect(train(config, model.path, stop)).rejects.toThrow("Ctrl-C");
    // The checkpoint of step 2 left the routers so far.
    expect(existsSync(trainingFiles(config.output).routers)).toBe(true);
    using other = writeTinyModel(2);
    await expect(train(config, other.path, { resume: true })).rejects.toThrow(TrainingCheckpointError);
    await expect(train(configure("resumed", { seed: 3 }), model.path, { resume: true })).rejects.toThrow(/seed = 42, now it is 3/);
    await train(config, model.path, { resume: true });
    const read = ({ output }: TrainingConfig) => readFileSync(trainingFiles(output).routers);
    // Names of folders stand in the metadata; the tensors behind the header must be the same bytes.
    expect(read(config).subarray(-2000).equals(read(whole).subarray(-2000))).toBe(true);
    const losses = ({ output }: TrainingConfig) => new TrainingLog(trainingFiles(output).log).read().map(({ loss }) => loss);
    expect(losses(config)).toEqual(losses(whole));
  });

  test("is not overwritten by another one, unless that is asked for", async () => {
    const config = configure("finished", { optimizer: { steps: 1, packsPerStep: 1 } });
    await train(config);
    const { routers, log } = trainingFiles(config.output);
    const before = readFileSync(routers);
    const other = configure("finished", { optimizer: { steps: 1, packsPerStep: 1 }, seed: 3 });
    await expect(train(other)).rejects.toThrow(/finished holds a run already\.\s+hint: Resume it with --resume, begin anew with --overwrite/);
    expect(readFileSync(routers).equals(before)).toBe(true);
    await train(config, model.path, { resume: true });
    expect(new TrainingLog(log).read()).toHaveLength(1);
    await train(other, model.path, { overwrite: true });
    expect(readFileSync(routers).equals(before)).toBe(false);
    expect(new TrainingLog(log).read()).toHaveLength(1);
  });

  test("whose disk fills up names the file, says what to do, and keeps the checkpoint that was there", async ({ skip }) => {
    const disk = join(folder, "small-disk");
    mkdirSync(disk);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", disk]).status === 0;
    skip(!mounted, "a small disk cannot be mounted here");
    try {
      const config = configure("small-disk/run", { optimizer: { steps: 3, packsPerStep: 1 }, checkpointEvery: 1 });
      const { checkpoint, log } = trainingFiles(config.output);
      let before: Buffer | undefined;
      const full = train(config, model.path, {
        onStep: ({ step }) => {
          if (step !== 2) return;
          before = readFileSync(checkpoint);
          expect(() => writeFileSync(join(disk, "filler"), Buffer.alloc(2 ** 20))).toThrow(/ENOSPC/);
        },
      });
      await expect(full).rejects.toThrow(/Cannot save .*checkpoint\.safetensors: no space left on device\..*unchanged.*\n {2}hint: Make room/s);
      expect(readFileSync(checkpoint).equals(before!)).toBe(true);
      rmSync(join(disk, "filler"));
      await train(config, model.path, { resume: true });
      expect(new TrainingLog(log).read().map(({ step }) => step)).toEqual([1, 2, 3]);
    } finally {
      spawnSync("umount", [disk]);
    }
  });

  test("names the row that is longer than the model's context", async () => {
    writeFileSync(join(folder, "long.jsonl"), JSON.stringify({ context: "word ".repeat(400), question: "?", answer: "word", metadata: { task: "Code" } }));
    const data = { files: [join(folder, "long.jsonl")], packTokens: 2000, minimumTokens: 10 };
    await expect(train(configure("long", { data }))).rejects.toThrow(TrainingDataError);
  });

  test.each(["fa-xa", "xa-ssa"] as const)("trains %s", async (mode) => {
    const config = configure(mode, { mode, sizes: { blockSize: 8, stride: 4, sinkTokens: 8, localTokens: 8 }, optimizer: { steps: 1, packsPerStep: 1 } });
    const last = await train(config);
    expect(Number.isFinite(last!.loss)).toBe(true);
  });

  test("judges by hidden states, which cost nothing while every head is full", async () => {
    // The sparse mode covers these prompts whole, so that no gate changes anything.
    const sizes = { blockSize: 8, sinkTokens: 8, localTokens: 256 };
    const distilled = await train(configure("distilled", { loss: "hidden-states", sizes, optimizer: { steps: 1, packsPerStep: 1 } }));
    expect(distilled!.languageModelLoss).toBe(0);
    const apart = await train(configure("apart", { loss: "hidden-states", optimizer: { steps: 1, packsPerStep: 1 } }));
    expect(apart!.languageModelLoss).toBeGreaterThan(0);
  });

  test.each([[1, 0], [0, 1]] as const)("trains routers of whole layers to a target of %d, which load, decide and can be analyzed", async (target, fullHead) => {
    const config = configure(`layers-${target}`, {
      save: "both",
      router: { decides: "layer", width: 1 },
      tasks: ["Single QA", "Code"].map((name) => ({ name, kind: "robust", target, initial: [4, 4] })),
      optimizer: { steps: 12, packsPerStep: 1, routerLearningRate: 0.05 },
    });
    const last = await train(config);
    // Two layers of two heads: a decision is about both.
    expect([0, 0.5, 1]).toContain(last!.tasks[0]!.sparsity ?? last!.tasks[1]!.sparsity);
    const files = trainingFiles(config.output);
    const backend = new ReferenceBackend();
    const logits: Float32Array[] = [];
    for (const options of [{ path: model.path, routers: files.routers }, { path: files.paw }]) {
      using opened = await PretrainedModel.open({ ...options, backend });
      const { retrievalMode, sparseMode } = opened.spec.elastic!;
      const router = opened.learnedRouter(retrievalMode, sparseMode)!;
      expect(router.decidesWholeLayers).toBe(true);
      const result = await forward(opened.decoder, [5, 6, 7, 8], 1, router);
      expect([...result.fullHeads]).toEqual([fullHead, fullHead, fullHead, fullHead]);
      logits.push(result.routerLogits!);
    }
    expect(logits[0]).toHaveLength(4);
    expect(logits[0]).toEqual(logits[1]);
    {
      using opened = await PretrainedModel.open({ path: model.path, routers: files.routers, backend });
      const { layers } = loadRouterFile(files.routers, findModelAdapter(opened.config), opened.spec, backend);
      const parameters = RouterParameters.fromWeights(layers);
      for (const layer of layers) layer[Symbol.dispose]();
      const examples = await readExamples(config, { directory: model.path, spec: opened.spec }, 2);
      const tasks = config.tasks.map(({ name }) => name);
      const analysis = await analyzeRouters({ model: opened, parameters, pooling: { kind: "boundary", tokens: 8 }, tasks, examples });
      expect(analysis.before[0]![0]).toBeCloseTo(1, 9);
      expect(analysis.sparse[0]!.flat().every((share) => share === target)).toBe(true);
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("trains the sigmoid relaxation", async () => {
    const config = configure("sigmoid", { router: { relaxation: "sigmoid", width: 1 }, optimizer: { steps: 1, packsPerStep: 1 } });
    expect(Number.isFinite((await train(config))!.loss)).toBe(true);
  });
});
