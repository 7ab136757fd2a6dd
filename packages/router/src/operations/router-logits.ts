import { ShapeError } from "@elastic-attention/core";
import {
  defineOperation,
  expectShape,
  fromBFloat16,
  type GradientRule,
  readFloats,
  type Tensor,
  toBFloat16,
  writeFloats,
} from "@elastic-attention/tensor";
import { routerLinears, routerMlpsOf, routerParameters, type RouterWeights } from "../learned/router-weights.js";
import { applyLinear, hasActivation, hostLinear } from "./reference-router-mlp.js";
import { routerLogitsBackward } from "./router-logits-backward.js";
import { pooledRanges, poolKeys, type RouterPooling } from "./router-pooling.js";

export interface RouterLogitsCall {
  /** [tokens, numKeyValueHeads, headDim], before RoPE; a column range of the fused projection is fine. */
  readonly keys: Tensor;
  /** Sequence i is rows offsets[i] to offsets[i + 1]; none is empty. */
  readonly offsets: readonly number[];
  readonly weights: RouterWeights;
  readonly pooling: RouterPooling;
  /** "bfloat16" rounds where the published bf16 model rounds (reference semantics 1.4), for exact parity with it. */
  readonly rounding: "float32" | "bfloat16";
  /** f32 [sequences, numKeyValueHeads, classes]. */
  readonly output: Tensor;
  /** What the logits decide, written by the same kernel. */
  readonly decision?: RouterDecision;
}

/** The plan's assignment, made where the logits are. Needs two classes. */
export interface RouterDecision {
  /** u8 [sequences, numKeyValueHeads]: 0, the retrieval mode, where class 1 leads class 0 by more than the threshold, else 1. */
  readonly assignment: Tensor;
  readonly threshold: number;
}

const routerLogitsGradient: GradientRule<RouterLogitsCall> = {
  inputs: ({ keys, weights }) => [keys, ...routerParameters(weights)],
  outputs: ({ output }) => [output],
  keepsInputs: (call) => routerLogitsGradient.inputs(call),
  backward({ keys, offsets, weights, pooling, output }, gradients) {
    const logitsGradient = gradients.incoming(output);
    if (logitsGradient === undefined) return;
    gradients.backend.kernels.run(routerLogitsBackward, {
      keys,
      offsets,
      weights,
      pooling,
      logitsGradient,
      weightGradients: routerMlpsOf(routerParameters(weights).map((tensor) => gradients.addable(tensor))),
      ...(gradients.wants(keys) ? { keysGradient: gradients.addable(keys) } : {}),
    });
  },
};

/** Logits of the Attention Router: pooled keys through the task MLP and the router MLP, each head on its own. */
export const routerLogits = defineOperation<RouterLogitsCall>("routerLogits", referenceRouterLogits, {
  gradient: routerLogitsGradient,
});

function referenceRouterLogits(call: RouterLogitsCall): void {
  const { keys, offsets, weights, output, decision } = call;
  const [tokens, heads, headDim] = [keys.shape[0]!, keys.shape[1] ?? -1, weights.headDim];
  expectShape("routerLogits", "keys", keys, [tokens, heads, headDim]);
  expectShape("routerLogits", "output", output, [offsets.length - 1, heads, weights.classes]);
  const round = call.rounding === "bfloat16" ? (value: number) => fromBFloat16(toBFloat16(value)) : (value: number) => value;
  const layers = routerLinears(weights).map(hostLinear);
  const logits: number[] = [];
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const ranges = pooledRanges(call.pooling, offsets[sequence]!, offsets[sequence + 1]!, sequence);
    const pooled = poolKeys(keys, ranges).map(round);
    for (let head = 0; head < heads; head++) {
      let x = pooled.slice(head * headDim, (head + 1) * headDim);
      for (const [index, layer] of layers.entries()) {
        x = applyLinear(layer, x).map(round);
        if (hasActivation(index)) x = x.map((value) => round(value / (1 + Math.exp(-value))));
      }
      logits.push(...x);
    }
  }
  writeFloats(output, logits);
  if (decision === undefined) return;
  expectDecision(decision, output.shape);
  const rounded = readFloats(output);
  const modes = Uint8Array.from({ length: rounded.length / 2 }, (_, head) => (rounded[2 * head + 1]! - rounded[2 * head]! > decision.threshold ? 0 : 1));
  decision.assignment.backend.write(decision.assignment, modes);
}

/** @throws ShapeError for another assignment than these logits decide, or more than two classes */
export function expectDecision({ assignment }: RouterDecision, [sequences, heads, classes]: readonly number[]): void {
  if (classes !== 2) throw new ShapeError(`routerLogits: a decision is between two classes; the router has ${classes}.`);
  expectShape("routerLogits", "the assignment", assignment, [sequences!, heads!]);
  if (assignment.dtype !== "u8") throw new ShapeError(`routerLogits: the assignment is ${assignment.dtype}; it must be u8.`);
}
