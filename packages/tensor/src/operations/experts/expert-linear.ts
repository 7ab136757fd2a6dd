import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { expertLinearInputGradient } from "./expert-linear-input-gradient.js";
import { type ExpertWeight, referenceExperts } from "./expert-weight.js";

export interface ExpertLinearCall {
  /** [slots, in], by expert: f32 or the weight's dtype. */
  readonly input: Tensor;
  /** i32 [experts + 1]: expert e multiplies the slots offsets[e] to offsets[e + 1], the last offset is their number. */
  readonly offsets: Tensor;
  readonly weight: ExpertWeight;
  /** [experts, out], any float dtype. */
  readonly bias?: Tensor;
  /** [slots, out]; another storage than `input`. */
  readonly output: Tensor;
}

/** Moves the gradient of the output to the input; weights and biases are frozen. */
const expertLinearGradient: GradientRule<ExpertLinearCall> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  keepsInputs: ({ offsets }) => [offsets],
  backward({ input, offsets, weight, output }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.overwrite([input], ([inputGradient]) =>
      gradients.backend.kernels.run(expertLinearInputGradient, { outputGradient, offsets, weight, inputGradient }),
    );
  },
};

/** output[slot] = input[slot] · weight[expert of the slot]ᵀ (+ its bias), summed in float32 at least and rounded once. */
export const expertLinear = defineOperation<ExpertLinearCall>("expertLinear", referenceExpertLinear, {
  gradient: expertLinearGradient,
});

function referenceExpertLinear(call: ExpertLinearCall): void {
  expectExpertLinear(call);
  const { input, offsets, weight, bias, output } = call;
  const { numExperts, inFeatures, outFeatures } = weight;
  const [x, w, bounds] = [readFloats(input), readFloats(referenceExperts(weight)), readIntegers(offsets)];
  const b = bias === undefined ? undefined : readFloats(bias);
  const y = newFloats(output, output.numElements);
  for (let expert = 0; expert < numExperts; expert++) {
    for (let slot = bounds[expert]!; slot < bounds[expert + 1]!; slot++) {
      for (let out = 0; out < outFeatures; out++) {
        const row = expert * outFeatures + out;
        let sum = b === undefined ? 0 : b[row]!;
        for (let i = 0, xi = slot * inFeatures, wi = row * inFeatures; i < inFeatures; i++) sum += x[xi + i]! * w[wi + i]!;
        y[slot * outFeatures + out] = sum;
      }
    }
  }
  writeFloats(output, y);
}

/** @throws ShapeError */
export function expectExpertLinear({ input, offsets, weight, bias, output }: ExpertLinearCall): void {
  weight.assertAlive();
  expectShape("expertLinear", "input", input, [-1, weight.inFeatures]);
  expectShape("expertLinear", "offsets", offsets, [weight.numExperts + 1]);
  expectShape("expertLinear", "output", output, [input.numRows, weight.outFeatures]);
  if (bias !== undefined) expectShape("expertLinear", "bias", bias, [weight.numExperts, weight.outFeatures]);
}
