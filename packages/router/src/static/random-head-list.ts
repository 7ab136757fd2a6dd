import { uniformNumber } from "@elastic-attention/tensor";
import type { HeadList } from "./head-list.js";

export interface RandomHeadListOptions {
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  readonly seed: number;
  /** Default share of sparse heads; 0.5 where not said. */
  readonly sparsity?: number;
}

/** Heads at random: what any choice must beat. Uniform scores, the same for the same seed. */
export function randomHeadList({ numLayers, numKeyValueHeads, seed, sparsity = 0.5 }: RandomHeadListOptions): HeadList {
  const scores = Array.from({ length: numLayers }, (_, layer) =>
    Array.from({ length: numKeyValueHeads }, (_, head) => Number(uniformNumber(seed, layer * numKeyValueHeads + head).toPrecision(6))),
  );
  return { version: 1, description: `Random heads, seed ${seed}.`, scores, sparsity };
}
