import { ShapeError } from "@elastic-attention/core";
import type { GradientRule } from "../../autograd/gradient-rule.js";
import { defineOperation } from "../../operation.js";
import { newFloats, readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { routeExpertsBackward } from "./route-experts-backward.js";

export interface RouteExpertsCall {
  /** f32 [rows, experts], at most 1024 experts. */
  readonly logits: Tensor;
  /**
   * Whether the weights of a row add up to 1: a softmax over the chosen experts (Mixtral, gpt-oss, `norm_topk_prob`).
   * Otherwise they are those of the softmax over all experts.
   */
  readonly normalized: boolean;
  /** i32 [rows, choices]: the experts with the largest logits, the largest first; of equal ones the lower number. */
  readonly chosen: Tensor;
  /** f32 [rows, choices]. */
  readonly weights: Tensor;
}

const routeExpertsGradient: GradientRule<RouteExpertsCall> = {
  inputs: ({ logits }) => [logits],
  outputs: ({ weights }) => [weights],
  keepsInputs: ({ logits, chosen }) => [logits, chosen],
  backward({ logits, normalized, chosen, weights }, gradients) {
    const weightsGradient = gradients.incoming(weights);
    if (weightsGradient === undefined) return;
    gradients.overwrite([logits], ([logitsGradient]) =>
      gradients.backend.kernels.run(routeExpertsBackward, { logits, normalized, chosen, weightsGradient, logitsGradient }),
    );
  },
};

/** Chooses experts for every row and weighs them. The choice counts as constant on the way back. */
export const routeExperts = defineOperation<RouteExpertsCall>("routeExperts", referenceRouteExperts, {
  gradient: routeExpertsGradient,
});

/** Experts that a router may choose among. */
export const mostExperts = 1024;

function referenceRouteExperts(call: RouteExpertsCall): void {
  expectRoute(call);
  const { logits, normalized, chosen, weights } = call;
  const [experts, choices] = [logits.rowLength, chosen.rowLength];
  const x = readFloats(logits);
  const w = newFloats(weights, weights.numElements);
  const numbers = new Int32Array(chosen.numElements);
  for (let row = 0; row < logits.numRows; row++) {
    const values = x.subarray(row * experts, (row + 1) * experts);
    // What is no number ranks last, so that the chosen ones are always different experts.
    const rank = (expert: number) => (Number.isNaN(values[expert]!) ? -Infinity : values[expert]!);
    const order = Array.from(values.keys()).sort((a, b) => (rank(b) > rank(a) ? 1 : rank(b) < rank(a) ? -1 : a - b));
    const best = order.slice(0, choices);
    const sum = (normalized ? best : order).reduce((total, expert) => total + Math.exp(values[expert]! - values[best[0]!]!), 0);
    for (const [choice, expert] of best.entries()) {
      numbers[row * choices + choice] = expert;
      w[row * choices + choice] = Math.exp(values[expert]! - values[best[0]!]!) / sum;
    }
  }
  chosen.backend.write(chosen, numbers);
  writeFloats(weights, w);
}

/** @throws ShapeError */
export function expectRoute({ logits, chosen, weights }: RouteExpertsCall): void {
  expectShape("routeExperts", "logits", logits, [-1, -1]);
  expectShape("routeExperts", "chosen", chosen, [logits.numRows, -1]);
  expectShape("routeExperts", "weights", weights, chosen.shape);
  if (logits.dtype !== "f32" || weights.dtype !== "f32" || chosen.dtype !== "i32") {
    throw new ShapeError("routeExperts: logits and weights are f32, the chosen experts i32.");
  }
  const [experts, choices] = [logits.rowLength, chosen.rowLength];
  if (choices < 1 || choices > experts || experts > mostExperts) {
    throw new ShapeError(`routeExperts: cannot choose ${choices} of ${experts} experts; at most ${mostExperts} are possible.`);
  }
}
