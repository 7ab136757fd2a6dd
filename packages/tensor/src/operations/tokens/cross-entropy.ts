import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

export interface CrossEntropyCall {
  /** [rows, vocabulary]. */
  readonly logits: Tensor;
  /** [rows], i32: index of the right class; a negative one leaves the row out. */
  readonly targets: Tensor;
  /** [rows], f32: −log softmax(logits)[target], 0 for rows left out. */
  readonly losses: Tensor;
  /**
   * [rows, vocabulary]; may be `logits` itself: `gradientScale` · (softmax(logits) − onehot(target)), 0 for rows left out.
   */
  readonly logitsGradient?: Tensor;
  /** Factor of the gradient: 1 / (number of rows that count) for a mean. Default 1. */
  readonly gradientScale?: number;
}

/**
 * Cross-entropy of each row in nats, and its gradient in the same pass, in float32 at least.
 * @throws ShapeError for a target outside the vocabulary
 */
export const crossEntropy = defineOperation<CrossEntropyCall>(
  "crossEntropy",
  ({ logits, targets, losses, logitsGradient, gradientScale = 1 }) => {
    const [rows, vocabulary] = [logits.numRows, logits.rowLength];
    expectShape("crossEntropy", "logits", logits, [rows, vocabulary]);
    expectShape("crossEntropy", "targets", targets, [rows]);
    expectShape("crossEntropy", "losses", losses, [rows]);
    if (logitsGradient !== undefined) expectShape("crossEntropy", "logitsGradient", logitsGradient, logits.shape);
    const x = readFloats(logits);
    const loss = newFloats(losses, rows);
    for (const [row, target] of readIntegers(targets).entries()) {
      const values = x.subarray(row * vocabulary, (row + 1) * vocabulary);
      if (target < 0) {
        values.fill(0);
        continue;
      }
      if (target >= vocabulary) {
        throw new ShapeError(`crossEntropy: target ${target} of row ${row} is outside a vocabulary of ${vocabulary}.`);
      }
      let maximum = -Infinity;
      for (const value of values) maximum = Math.max(maximum, value);
      let sum = 0;
      for (const value of values) sum += Math.exp(value - maximum);
      loss[row] = maximum + Math.log(sum) - values[target]!;
      for (let i = 0; i < vocabulary; i++) {
        values[i] = gradientScale * (Math.exp(values[i]! - maximum) / sum - (i === target ? 1 : 0));
      }
    }
    writeFloats(losses, loss);
    if (logitsGradient !== undefined) writeFloats(logitsGradient, x);
  },
);
