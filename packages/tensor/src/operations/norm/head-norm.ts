import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { cast } from "../elements/cast.js";
import { expectShape } from "../elements/expect-shape.js";
import { headNormBackward } from "./head-norm-backward.js";

export interface HeadNormCall {
  /** [tokens, heads, headDim], normalised in place. */
  readonly heads: Tensor;
  /** [headDim]. */
  readonly weight: Tensor;
  readonly epsilon: number;
}

const headNormGradient: GradientRule<HeadNormCall, Tensor> = {
  inputs: () => [],
  outputs: () => [],
  updates: ({ heads }) => [heads],
  save({ heads }, { kernels }, allocate) {
    const before = allocate(heads.shape, heads.dtype);
    kernels.run(cast, { input: heads, output: before });
    return before;
  },
  backward({ heads, weight, epsilon }, gradients, before) {
    const gradient = gradients.incoming(heads);
    if (gradient === undefined) return;
    const call = { heads: before, weight, epsilon, outputGradient: gradient, inputGradient: gradient };
    gradients.backend.kernels.run(headNormBackward, call);
  },
};

/** RMSNorm of every head's vector in place: the q/k norm of Qwen3. */
export const headNorm = defineOperation<HeadNormCall>("headNorm", referenceHeadNorm, { gradient: headNormGradient });

function referenceHeadNorm({ heads, weight, epsilon }: HeadNormCall): void {
  const headDim = heads.shape[2] ?? -1;
  expectShape("headNorm", "heads", heads, [-1, -1, headDim]);
  expectShape("headNorm", "weight", weight, [headDim]);
  const x = readFloats(heads);
  const w = readFloats(weight);
  for (let start = 0; start < x.length; start += headDim) {
    let squares = 0;
    for (let i = 0; i < headDim; i++) squares += x[start + i]! ** 2;
    const scale = 1 / Math.sqrt(squares / headDim + epsilon);
    for (let i = 0; i < headDim; i++) x[start + i] = x[start + i]! * scale * w[i]!;
  }
  writeFloats(heads, x);
}
