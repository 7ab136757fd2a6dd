import { MemoryScope } from "@elastic-attention/core";
import { routerLogits, routerParameters, type RouterWeights, routerWeightsOf } from "@elastic-attention/router";
import { type Backend, cast, type FloatDType, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, relativeError } from "../random-tensors.js";

type Size = readonly [headDim: number, width: number, decides?: RouterWeights["decides"]];

const pooling = { kind: "boundary", tokens: 100 } as const;
const heads = 3;

/** Pooling and both MLPs against the reference backend. */
export function describeRouterKernels(subject: BackendUnderTest): void {
  describe(`the router of ${subject.name}`, () => {
    // Widths that kernels share among thread blocks, and one that they cannot.
    const sizes: readonly Size[] = [[16, 24], [16, 32], [20, 96], [64, 256], [128, 512], [32, 128, "layer"], [128, 512, "layer"], [20, 8, "layer"]];
    test.each(["float32", "bfloat16"] as const)("with %s rounding", (rounding) => {
      for (const [dtype, size] of subject.dtypes.flatMap((each) => sizes.map((size) => [each, size] as const))) {
        using backend = subject.create();
        // One sequence is shorter than the pooled ends.
        const [actual, expected] = [backend, new ReferenceBackend()].map((each) => route(each, dtype, rounding, size, [0, 7, 150, 400]));
        // With bf16 rounding a sum that is off by one unit may round to its neighbour; decisions are tested by parity.
        expect(relativeError(actual!, expected!)).toBeLessThan(rounding === "float32" ? 2e-5 : 1e-2);
      }
    });

    test("for twenty sequences", () => {
      using backend = subject.create();
      const offsets = Array.from({ length: 21 }, (_, i) => 20 * i + (i % 3));
      const [actual, expected] = [backend, new ReferenceBackend()].map((each) => route(each, "f32", "float32", [32, 64], offsets));
      expect(relativeError(actual!, expected!)).toBeLessThan(2e-5);
    });

    test("decides as its logits do, in the same call", () => {
      for (const [rounding, size] of (["float32", "bfloat16"] as const).flatMap((each) => sizes.map((size) => [each, size] as const))) {
        using backend = subject.create();
        using scope = new MemoryScope();
        const [headDim, width, decides] = size;
        const offsets = Array.from({ length: 21 }, (_, i) => 30 * i + (i % 3));
        const weights = randomRouterWeights(backend, headDim, width, scope, 60, decides);
        const keys = randomKeys(backend, offsets.at(-1)!, headDim, "f32", 50, scope);
        const output = scope.track(poisoned(backend, [20, heads, 2], "f32"));
        const assignment = scope.track(backend.upload(new Uint8Array(20 * heads).fill(77), [20, heads], "u8"));
        const run = (threshold: number) => {
          backend.kernels.run(routerLogits, { keys, offsets, weights, pooling, rounding, output, decision: { assignment, threshold } });
          const logits = output.toFloat32();
          return Array.from({ length: 20 * heads }, (_, i) => logits[2 * i + 1]! - logits[2 * i]!);
        };
        const leads = run(0);
        // Thresholds that are leads: only what is above one is retrieval.
        for (const threshold of [0, ...leads.slice(0, 3), Math.max(...leads)]) {
          expect(run(threshold)).toEqual(leads);
          expect(Array.from(assignment.download())).toEqual(leads.map((lead) => (lead > threshold ? 0 : 1)));
        }
      }
    });

    test("reads the weights and keys that the calls ahead wrote, recorded or not", () => {
      using backend = subject.create();
      const expected = routeChanges(new ReferenceBackend(), false);
      expect(relativeError(routeChanges(backend, false), expected)).toBeLessThan(2e-5);
      if (backend.capture !== undefined) expect(relativeError(routeChanges(backend, true), expected)).toBeLessThan(2e-5);
    });
  });
}

/** Logits of sequences of random keys. */
function route(backend: Backend, dtype: FloatDType, rounding: "float32" | "bfloat16", [headDim, width, decides]: Size, offsets: readonly number[]): Float32Array {
  using scope = new MemoryScope();
  const weights = randomRouterWeights(backend, headDim, width, scope, 60, decides);
  const keys = randomKeys(backend, offsets.at(-1)!, headDim, dtype, 50, scope);
  const output = scope.track(poisoned(backend, [offsets.length - 1, heads, 2], "f32"));
  backend.kernels.run(routerLogits, { keys, offsets, weights, pooling, rounding, output });
  return output.toFloat32();
}

/**
 * Logits of twelve calls, issued without a wait between them: right ahead of each, one tensor of the router or the keys
 * get another content on the device.
 */
function routeChanges(backend: Backend, recorded: boolean): Float32Array {
  using scope = new MemoryScope();
  const [headDim, width] = [128, 512];
  const make = (seed: number) => ({
    keys: randomKeys(backend, 400, headDim, "f32", seed, scope),
    weights: randomRouterWeights(backend, headDim, width, scope, seed + 1),
  });
  const [used, others] = [make(100), make(200)];
  const targets = [used.keys, ...routerParameters(used.weights), used.keys];
  const sources = [others.keys, ...routerParameters(others.weights), make(300).keys];
  const outputs = targets.map(() => scope.track(poisoned(backend, [1, heads, 2], "f32")));
  const run = () => {
    for (const [index, output] of outputs.entries()) {
      backend.kernels.run(cast, { input: sources[index]!, output: targets[index]! });
      backend.kernels.run(routerLogits, { ...used, offsets: [0, 400], pooling, rounding: "float32", output });
    }
  };
  if (recorded) scope.track(backend.capture!(run)).replay();
  else run();
  return Float32Array.from(outputs.flatMap((output) => Array.from(output.toFloat32())));
}

function randomKeys(backend: Backend, tokens: number, headDim: number, dtype: FloatDType, seed: number, scope: MemoryScope): Tensor {
  return scope.track(randomTensor(backend, [tokens, heads * headDim], dtype, seed)).reshape([tokens, heads, headDim]);
}

/** A router of random weights, owned by `scope`. */
export function randomRouterWeights(
  backend: Backend,
  headDim: number,
  width: number,
  scope: MemoryScope,
  firstSeed = 60,
  decides: RouterWeights["decides"] = "heads",
): RouterWeights {
  let seed = firstSeed;
  const [taskWidth, features] = decides === "layer" ? [2 * width, 2 * headDim] : [width, headDim];
  const linear = (outputs: number, inputs: number) => [[outputs, inputs], [outputs]].map((shape) => randomTensor(backend, shape, "f32", seed++));
  const sizes = [[taskWidth, headDim], [features, taskWidth], [width, features], [headDim, width], [2, headDim]] as const;
  return scope.track(routerWeightsOf(sizes.flatMap(([outputs, inputs]) => linear(outputs, inputs))));
}
