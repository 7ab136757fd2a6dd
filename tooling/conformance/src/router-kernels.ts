import { type RouterLinear, routerLogits, type RouterWeights } from "@elastic-attention/router";
import { type Backend, type FloatDType, MemoryScope, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "./backend-under-test.js";
import { randomTensor, relativeError } from "./random-tensors.js";

/** Pooling and both MLPs against the reference backend. */
export function describeRouterKernels(subject: BackendUnderTest): void {
  describe(`the router of ${subject.name}`, () => {
    // Widths that kernels share among thread blocks, and one that they cannot.
    const sizes = [[16, 24], [16, 32], [20, 96], [128, 512]] as const;
    test.each(["float32", "bfloat16"] as const)("with %s rounding", (rounding) => {
      for (const [dtype, size] of subject.dtypes.flatMap((each) => sizes.map((size) => [each, size] as const))) {
        using backend = subject.create();
        const [actual, expected] = [route(backend, dtype, rounding, size), route(new ReferenceBackend(), dtype, rounding, size)];
        // With bf16 rounding a sum that is off by one unit may round to its neighbour; decisions are tested by parity.
        expect(relativeError(actual, expected)).toBeLessThan(rounding === "float32" ? 2e-5 : 1e-2);
      }
    });
  });
}

/** Logits of three sequences (one shorter than the pooled ends) and three heads. */
function route(
  backend: Backend,
  dtype: FloatDType,
  rounding: "float32" | "bfloat16",
  [headDim, width]: readonly [number, number],
): Float32Array {
  using scope = new MemoryScope();
  const weights = randomRouterWeights(backend, headDim, width, scope);
  const keys = scope.track(randomTensor(backend, [400, 3 * headDim], dtype, 50)).reshape([400, 3, headDim]);
  const output: Tensor = scope.track(backend.allocate([3, 3, 2], "f32"));
  const pooling = { kind: "boundary", tokens: 100 } as const;
  backend.kernels.run(routerLogits, { keys, offsets: [0, 7, 150, 400], weights, pooling, rounding, output });
  return output.toFloat32();
}

/** A router of random weights. */
export function randomRouterWeights(backend: Backend, headDim: number, width: number, scope: MemoryScope): RouterWeights {
  let seed = 60;
  const layer = (outputs: number, inputs: number): RouterLinear => ({
    weight: scope.track(randomTensor(backend, [outputs, inputs], "f32", seed++)),
    bias: scope.track(randomTensor(backend, [outputs], "f32", seed++)),
  });
  return {
    headDim,
    classes: 2,
    parameters: 0,
    taskMlp: [layer(width, headDim), layer(headDim, width)],
    routerMlp: [layer(width, headDim), layer(headDim, width), layer(2, headDim)],
    [Symbol.dispose]: () => {},
  };
}
