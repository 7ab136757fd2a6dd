import type { MemoryScope } from "@elastic-attention/core";
import type { RouterLinear, RouterWeights } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import type { ModelSpec } from "@elastic-attention/transformer";

/** A router of the published width for every layer, as initialised before training; owned by `scope`. */
export function randomRouters(backend: Backend, { numLayers, headDim }: ModelSpec, scope: MemoryScope): RouterWeights[] {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  const linear = (outputs: number, inputs: number): RouterLinear => ({
    weight: scope.track(backend.upload(Float32Array.from({ length: outputs * inputs }, () => 0.07 * random()), [outputs, inputs], "f32")),
    bias: scope.track(backend.upload(new Float32Array(outputs), [outputs], "f32")),
  });
  const width = 4 * headDim;
  return Array.from({ length: numLayers }, (): RouterWeights => ({
    decides: "heads",
    headDim,
    classes: 2,
    parameters: 2 * (width * headDim + width + headDim * width + headDim) + 2 * headDim + 2,
    taskMlp: [linear(width, headDim), linear(headDim, width)],
    routerMlp: [linear(width, headDim), linear(headDim, width), linear(2, headDim)],
    // They belong to the scope.
    [Symbol.dispose]: () => {},
  }));
}
