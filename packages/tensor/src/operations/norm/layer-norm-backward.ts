import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

export interface LayerNormBackwardCall {
  /** [rows, features]: what was normalised. */
  readonly input: Tensor;
  /** [features]. */
  readonly weight: Tensor;
  readonly epsilon: number;
  /** [rows, features]: gradient of the output of `layerNorm`. */
  readonly outputGradient: Tensor;
  /** [rows, features]; may be `outputGradient` itself. */
  readonly inputGradient: Tensor;
  /** Adds to what `inputGradient` holds (the gradient of a residual stream) instead of overwriting it. */
  readonly accumulate?: boolean;
}

/**
 * Gradient of `layerNorm` with respect to its input. With r = 1 / sqrt(var(x) + epsilon), n = (x − mean(x)) · r and
 * u = outputGradient · weight: inputGradient = r · (u − mean(u) − n · mean(u · n)), in float32 at least, rounded once.
 */
export const layerNormBackward = defineOperation<LayerNormBackwardCall>(
  "layerNormBackward",
  ({ input, weight, epsilon, outputGradient, inputGradient, accumulate }) => {
    const [rows, features] = [input.numRows, input.rowLength];
    expectShape("layerNormBackward", "weight", weight, [features]);
    expectShape("layerNormBackward", "outputGradient", outputGradient, input.shape);
    expectShape("layerNormBackward", "inputGradient", inputGradient, input.shape);
    const [x, w, dy] = [readFloats(input), readFloats(weight), readFloats(outputGradient)];
    const dx = accumulate ? readFloats(inputGradient) : newFloats(inputGradient, x.length);
    const mean = (start: number, value: (i: number) => number) => {
      let sum = 0;
      for (let i = start; i < start + features; i++) sum += value(i);
      return sum / features;
    };
    for (let start = 0; start < rows * features; start += features) {
      const center = mean(start, (i) => x[i]!);
      const scale = 1 / Math.sqrt(mean(start, (i) => (x[i]! - center) ** 2) + epsilon);
      const normed = (i: number) => (x[i]! - center) * scale;
      const upstream = (i: number) => dy[i]! * w[i - start]!;
      const [average, along] = [mean(start, upstream), mean(start, (i) => upstream(i) * normed(i))];
      for (let i = start; i < start + features; i++) dx[i]! += scale * (upstream(i) - average - normed(i) * along);
    }
    writeFloats(inputGradient, dx);
  },
);
