import { MemoryScope } from "@elastic-attention/core";
import type { AttentionMode } from "@elastic-attention/attention";
import type { RouterWeights } from "@elastic-attention/router";
import { type Backend, type FloatArray, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { elasticModeSettings, TrainingModel, type TrainingPack, type TrainingStepOptions, type TrainingStepResult } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../backend-under-test.js";
import { randomRouterWeights } from "../kernels/router-kernels.js";
import { tinyModel } from "./tiny-model.js";

const modes = elasticModeSettings({ sinkTokens: 64, localTokens: 64, blockSize: 64, stride: 16, threshold: 0.6 });
const pairs: Record<string, readonly [AttentionMode, AttentionMode]> = {
  "FA-SSA": [modes.full, modes.streaming],
  "FA-XA": [modes.full, modes.xattention],
  "XA-SSA": [modes.xattention, modes.streaming],
};
const lengths = [70, 1, 260];

/** Whole training steps of a small model against the reference backend. */
export function describeTrainingStep(subject: BackendUnderTest): void {
  describe(`a training step on ${subject.name}`, () => {
    test.each(Object.keys(pairs))("gives the reference's loss and router gradients in f32, %s", async (pair) => {
      const [expected, actual] = [await reference("f32", pair), await step(subject.create(), "f32", pair)];
      expect(Math.abs(actual.languageModelLoss / expected.languageModelLoss - 1)).toBeLessThan(1e-5);
      // Router gradients are what is left of long sums that cancel.
      expect(distance(actual, expected)).toBeLessThan(1e-3);
    });

    test("gives the same with routers of whole layers", async () => {
      const [expected, actual] = [await step(new ReferenceBackend(), "f32", "FA-SSA", {}, "layer"), await step(subject.create(), "f32", "FA-SSA", {}, "layer")];
      expect(Math.abs(actual.languageModelLoss / expected.languageModelLoss - 1)).toBeLessThan(1e-5);
      expect(distance(actual, expected)).toBeLessThan(1e-3);
    });

    for (const dtype of subject.dtypes.filter((each) => each !== "f32")) {
      test(`in ${dtype} is not further off than the reference in ${dtype}, by a factor of 3`, async () => {
        const [exact, rounded] = [await reference("f32", "FA-SSA"), await reference(dtype, "FA-SSA")];
        const actual = await step(subject.create(), dtype, "FA-SSA");
        const allowed = distance(rounded, exact);
        expect(allowed).toBeGreaterThan(0);
        expect(allowed).toBeLessThan(0.5);
        expect(distance(actual, exact)).toBeLessThan(3 * allowed);
      });
    }

    test.each(subject.dtypes)("in %s is the same bit for bit again, and without checkpoints", async (dtype) => {
      const first = await step(subject.create(), dtype, "FA-SSA");
      expect(await step(subject.create(), dtype, "FA-SSA")).toEqual(first);
      expect(await step(subject.create(), dtype, "FA-SSA", { attentionMemoryBytes: 0 })).toEqual(first);
      expect(await step(subject.create(), dtype, "FA-SSA", { checkpointing: false })).toEqual(first);
    });
  });
}

const references = new Map<string, Promise<TrainingStepResult>>();

/** The reference backend takes its time: once for all backends under test. */
function reference(dtype: FloatDType, pair: string): Promise<TrainingStepResult> {
  const key = `${dtype} ${pair}`;
  const known = references.get(key) ?? step(new ReferenceBackend(), dtype, pair);
  references.set(key, known);
  return known;
}

async function step(
  backend: Backend,
  dtype: FloatDType,
  pair: string,
  settings: Partial<TrainingStepOptions> = {},
  decides: RouterWeights["decides"] = "heads",
): Promise<TrainingStepResult> {
  const result = await (async () => {
    using files = tinyModel();
    using model = await TrainingModel.load({ ...files.options(backend, dtype), chunkRows: 100 });
    using scope = new MemoryScope();
    const routers = [0, 1].map(() => randomRouterWeights(backend, model.spec.headDim, 48, scope, 60, decides));
    const [retrievalMode, sparseMode] = pairs[pair]!;
    return await model.step({ pack, routers, retrievalMode, sparseMode, decide, gateLoss, deterministic: true, ...settings });
  })();
  expect(backend.memory().liveAllocations).toBe(0);
  return result;
}

const rows = lengths.reduce((sum, length) => sum + length, 0);
const offsets = lengths.reduce((ends, length) => [...ends, ends.at(-1)! + length], [0]);
const pack: TrainingPack = {
  tokens: Int32Array.from({ length: rows }, (_, i) => (i * 37 + i * i * 3) % 211),
  offsets,
  targets: Int32Array.from({ length: rows }, (_, i) => (offsets.includes(i + 1) || i % 7 === 3 ? -1 : (i * 91 + 5) % 211)),
  pooledRanges: lengths.map((_, segment) => [[offsets[segment]!, offsets[segment + 1]!]]),
};

/** Gates that do not depend on a rounding of the logits, with the gradient of a relaxation. */
function decide(layer: number, logits: FloatArray) {
  const gates = Float32Array.from({ length: logits.length / 2 }, (_, gate) => (layer + gate) % 2);
  const backward = (gradients: FloatArray) => {
    const result = new Float32Array(logits.length);
    for (let gate = 0; gate < gates.length; gate++) {
      const probability = 1 / (1 + Math.exp(logits[2 * gate]! - logits[2 * gate + 1]!));
      const slope = gradients[gate]! * probability * (1 - probability);
      result.set([-slope, slope], 2 * gate);
    }
    return result;
  };
  return { gates, backward };
}

const gateLoss: TrainingStepOptions["gateLoss"] = (gates) => ({
  loss: 0.1,
  gradients: gates.map((layer) => new Float32Array(layer.length).fill(1e-3)),
});

/** Root of the mean square difference of all router gradients, over that of the gradients. */
function distance(actual: TrainingStepResult, expected: TrainingStepResult): number {
  let [difference, size] = [0, 0];
  for (const [layer, gradients] of expected.routerGradients.entries()) {
    for (const [i, value] of gradients.entries()) {
      difference += (actual.routerGradients[layer]![i]! - value) ** 2;
      size += value ** 2;
    }
  }
  return Math.sqrt(difference / size);
}
