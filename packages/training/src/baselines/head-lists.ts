import type { HeadList } from "@elastic-attention/router";
import { counterUniform } from "../relaxation/counter-noise.js";
import type { StaticGates } from "./static-gates.js";

/** Static gates as a head list: the heads with the largest parameters keep full attention. */
export function gatesHeadList(gates: StaticGates, sparsity: number, description: string): HeadList {
  return { version: 1, description, sparsity, scores: gates.parameters.map((layer) => Array.from(layer, (value) => Number(value.toPrecision(6)))) };
}

/** Heads at random: what any choice must beat. */
export function randomHeadList(numLayers: number, heads: number, sparsity: number, seed: number): HeadList {
  const scores = Array.from({ length: numLayers }, (_, layer) => Array.from({ length: heads }, (_, head) => Number(counterUniform(seed, 0x72616e64, layer, head).toPrecision(6))));
  return { version: 1, description: `Random heads, seed ${seed}.`, sparsity, scores };
}
