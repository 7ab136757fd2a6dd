import { createCpuBackend } from "@elastic-attention/cpu";
import { registerQwen } from "@elastic-attention/model-qwen";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { elasticModeSettings, PretrainedModel, TrainingModel, type TrainingStepResult } from "@elastic-attention/transformer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gateLoss, randomRouters, RelaxationDouble, trainingPack } from "../../transformer/test/training-doubles.js";
import { writeTinyModel } from "./tiny-model.js";

registerQwen();
let model: ReturnType<typeof writeTinyModel>;
beforeAll(() => {
  model = writeTinyModel();
});
afterAll(() => model[Symbol.dispose]());

const modes = elasticModeSettings({ sinkTokens: 4, localTokens: 8, blockSize: 4, stride: 2, threshold: 0.7 });

interface StepOptions {
  readonly dtype?: FloatDType;
  readonly relaxation?: "straight" | "soft";
  readonly checkpointing?: boolean;
}

/** One step on a pack of several segments. */
async function step(backend: Backend, { dtype = "f32", relaxation = "straight", checkpointing = true }: StepOptions = {}): Promise<TrainingStepResult> {
  using pretrained = await PretrainedModel.open({ path: model.path, backend, dtype });
  using training = TrainingModel.share(pretrained.decoder, { chunkRows: 32 });
  const routers = randomRouters(backend, 2, 8, 32, 0.5);
  try {
    return await training.step({
      pack: trainingPack([57, 3, 40], 4096),
      routers,
      retrievalMode: modes.full,
      sparseMode: modes.streaming,
      decide: new RelaxationDouble(relaxation).decide,
      gateLoss,
      checkpointing,
      deterministic: true,
    });
  } finally {
    for (const router of routers) router[Symbol.dispose]();
  }
}

/** max |a - b| / max |b| of every layer's gradients. */
function gradientErrors(actual: TrainingStepResult, expected: TrainingStepResult): readonly number[] {
  return expected.routerGradients.map((right, layer) => {
    const largest = Math.max(...Array.from(right, Math.abs));
    return Math.max(...Array.from(right, (value, i) => Math.abs(actual.routerGradients[layer]![i]! - value))) / largest;
  });
}

describe("a whole training step on the cpu backend", () => {
  test.each(["straight", "soft"] as const)("in float32 agrees with the reference in float64, %s gates", async (relaxation) => {
    using backend = createCpuBackend({ threads: 2 });
    const [actual, expected] = [await step(backend, { relaxation }), await step(new ReferenceBackend({ precision: "f64" }), { relaxation })];
    expect(backend.memory().liveAllocations).toBe(0);
    expect(actual.languageModelLoss).toBeCloseTo(expected.languageModelLoss, 4);
    // A few hundred float32 operations on the way, whose errors add up.
    for (const error of gradientErrors(actual, expected)) expect(error).toBeLessThan(2e-4);
  });

  test("in bfloat16 is off by what its eight bits give", async () => {
    using backend = createCpuBackend({ threads: 2 });
    const [actual, expected] = [await step(backend, { dtype: "bf16" }), await step(new ReferenceBackend(), { dtype: "bf16" })];
    expect(Math.abs(actual.languageModelLoss - expected.languageModelLoss)).toBeLessThan(0.02 * expected.languageModelLoss);
    for (const error of gradientErrors(actual, expected)) expect(error).toBeLessThan(0.15);
  });

  test("gives the same bits with and without checkpoints, on one thread and on two", async () => {
    const results = [];
    for (const [threads, checkpointing] of [[1, true], [2, true], [2, false]] as const) {
      using backend = createCpuBackend({ threads });
      results.push(await step(backend, { checkpointing }));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});
