import { type Router, StaticRouter } from "@elastic-attention/router";
import { elasticModes, type ElasticSizes } from "@elastic-attention/transformer";

/** Heads that keep full attention when a share `sparsity` of a layer's heads is sparse: the first ones. */
export function fullHeads(numKeyValueHeads: number, sparsity: number): number {
  return Math.round((1 - sparsity) * numKeyValueHeads);
}

/** A router that makes the same share of heads streaming in every layer; the rest stay full (FA-SSA). */
export function routedHeads(
  { numLayers, numKeyValueHeads }: { readonly numLayers: number; readonly numKeyValueHeads: number },
  sparsity: number,
  sizes: ElasticSizes,
): Router {
  const scores = Array.from({ length: numLayers }, () => Array.from({ length: numKeyValueHeads }, (_, head) => -head));
  const list = { version: 1, description: "the first heads of every layer", scores, sparsity } as const;
  return new StaticRouter({ list, ...elasticModes("fa-ssa", sizes) });
}
