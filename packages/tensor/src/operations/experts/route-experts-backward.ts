import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

export interface RouteExpertsBackwardCall {
  /** f32 [rows, experts]. */
  readonly logits: Tensor;
  readonly normalized: boolean;
  /** i32 [rows, choices]: as `routeExperts` gave them. */
  readonly chosen: Tensor;
  /** f32 [rows, choices]. */
  readonly weightsGradient: Tensor;
  /** f32 [rows, experts]; another storage than `logits`. */
  readonly logitsGradient: Tensor;
}

/**
 * Gradient of the weights of `routeExperts` with respect to the logits. With p the softmax (over the chosen experts or over
 * all) and m = Σ p_c · weightsGradient_c over the chosen c: p_e · (weightsGradient_e − m) for those in the softmax, where
 * weightsGradient is 0 for experts that were not chosen, and 0 for the others.
 */
export const routeExpertsBackward = defineOperation<RouteExpertsBackwardCall>(
  "routeExpertsBackward",
  ({ logits, normalized, chosen, weightsGradient, logitsGradient }) => {
    const [rows, experts, choices] = [logits.numRows, logits.rowLength, chosen.rowLength];
    expectShape("routeExpertsBackward", "chosen", chosen, [rows, -1]);
    expectShape("routeExpertsBackward", "weightsGradient", weightsGradient, chosen.shape);
    expectShape("routeExpertsBackward", "logitsGradient", logitsGradient, logits.shape);
    const [x, dw, numbers] = [readFloats(logits), readFloats(weightsGradient), readIntegers(chosen)];
    const dx = newFloats(logitsGradient, x.length);
    for (let row = 0; row < rows; row++) {
      const values = x.subarray(row * experts, (row + 1) * experts);
      const best = Array.from(numbers.subarray(row * choices, (row + 1) * choices));
      const summed = normalized ? best : Array.from(values.keys());
      const largest = values[best[0]!]!;
      const sum = summed.reduce((total, expert) => total + Math.exp(values[expert]! - largest), 0);
      const weight = (expert: number) => Math.exp(values[expert]! - largest) / sum;
      const mean = best.reduce((total, expert, choice) => total + weight(expert) * dw[row * choices + choice]!, 0);
      for (const expert of summed) dx[row * experts + expert] = -weight(expert) * mean;
      for (const [choice, expert] of best.entries()) dx[row * experts + expert]! += weight(expert) * dw[row * choices + choice]!;
    }
    writeFloats(logitsGradient, dx);
  },
);
