import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { type ExpertWeight, referenceExperts } from "./expert-weight.js";

export interface ExpertLinearInputGradientCall {
  /** [slots, out]: gradient of the output of `expertLinear`. */
  readonly outputGradient: Tensor;
  /** i32 [experts + 1], as in `expertLinear`. */
  readonly offsets: Tensor;
  readonly weight: ExpertWeight;
  /** [slots, in]; another storage than `outputGradient`. */
  readonly inputGradient: Tensor;
}

/**
 * inputGradient[slot] = outputGradient[slot] · weight[expert of the slot], summed in float32 at least and rounded once. The
 * weights are frozen and get none.
 */
export const expertLinearInputGradient = defineOperation<ExpertLinearInputGradientCall>(
  "expertLinearInputGradient",
  ({ outputGradient, offsets, weight, inputGradient }) => {
    weight.assertAlive();
    const { numExperts, inFeatures, outFeatures } = weight;
    expectShape("expertLinearInputGradient", "outputGradient", outputGradient, [-1, outFeatures]);
    expectShape("expertLinearInputGradient", "offsets", offsets, [numExperts + 1]);
    expectShape("expertLinearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, inFeatures]);
    const [dy, w, bounds] = [readFloats(outputGradient), readFloats(referenceExperts(weight)), readIntegers(offsets)];
    const dx = newFloats(inputGradient, inputGradient.numElements);
    const sums = new Float64Array(inFeatures);
    for (let expert = 0; expert < numExperts; expert++) {
      for (let slot = bounds[expert]!; slot < bounds[expert + 1]!; slot++) {
        sums.fill(0);
        for (let out = 0; out < outFeatures; out++) {
          const gradient = dy[slot * outFeatures + out]!;
          for (let i = 0, wi = (expert * outFeatures + out) * inFeatures; i < inFeatures; i++) sums[i]! += gradient * w[wi + i]!;
        }
        dx.set(sums, slot * inFeatures);
      }
    }
    writeFloats(inputGradient, dx);
  },
);
