import type { HeadList } from "@elastic-attention/router";
import type { StaticGates } from "./static-gates.js";

/** Static gates as a head list: the heads with the largest parameters keep full attention. */
export function gatesHeadList(gates: StaticGates, sparsity: number, description: string): HeadList {
  return { version: 1, description, sparsity, scores: gates.parameters.map((layer) => Array.from(layer, (value) => Number(value.toPrecision(6)))) };
}
