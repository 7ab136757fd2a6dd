import type { HeadList } from "@elastic-attention/router";
import type { StaticGates } from "./static-gates.js";

/** Layers of a model, and which of them the gates are of. */
export interface GatedLayers {
  readonly numLayers: number;
  readonly routed: readonly number[];
}

/**
 * Static gates as a head list: the heads with the largest parameters keep full attention.
 *
 * @param task whose list, where each task has its own
 * @param layers default: every layer has gates. Others have scores of 0, which nobody reads.
 */
export function gatesHeadList(gates: StaticGates, sparsity: number, description: string, layers?: GatedLayers, task = 0): HeadList {
  const { numLayers, routed } = layers ?? { numLayers: gates.parameters.length, routed: [...gates.parameters.keys()] };
  const ownOf = (values: Float32Array) => values.subarray(task * gates.heads, (task + 1) * gates.heads);
  const scores = Array.from({ length: numLayers }, (_, layer) => {
    const own = gates.parameters[routed.indexOf(layer)];
    return Array.from(ownOf(own ?? gates.parameters[0]!), (value) => (own === undefined ? 0 : Number(value.toPrecision(6))));
  });
  return { version: 1, description, sparsity, scores };
}
