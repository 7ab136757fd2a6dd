import { UnsupportedRouterError } from "@elastic-attention/core";
import type { Tensor } from "@elastic-attention/tensor";
import { routerLogits, type RouterLogitsCall } from "../operations/router-logits.js";
import { pooledQueries, type PoolingRunner } from "./pooled-queries.js";

export interface DecisionLogitsCall extends RouterLogitsCall {
  /** [tokens, numQueryHeads, headDim], before RoPE: what a router of whole layers looks at. */
  readonly queries?: Tensor | undefined;
}

/** How many decisions a router makes about a layer of so many key-value heads. */
export function decisionsOf({ decides }: Pick<RouterLogitsCall["weights"], "decides">, numKeyValueHeads: number): number {
  return decides === "layer" ? 1 : numKeyValueHeads;
}

/**
 * Logits of every decision that a router makes, `output` being f32 [sequences, decisions, classes]: of each key-value head
 * from its pooled keys, or of the layer from the pooled queries of all heads (Flux Attention). The host takes a layer's
 * decision from the logits: `decision` is for routers of heads.
 * @throws UnsupportedRouterError for a router of layers without queries
 */
export function decisionLogits(runner: PoolingRunner, { queries, ...call }: DecisionLogitsCall): void {
  if (call.weights.decides === "heads") {
    runner.run(routerLogits, call);
    return;
  }
  if (queries === undefined) throw new UnsupportedRouterError("A router of whole layers decides by the queries; it was given keys alone.");
  const pooled = pooledQueries(runner, queries, call.offsets, call.pooling);
  const { weights, rounding, output } = call;
  runner.run(routerLogits, { keys: pooled.rows, offsets: pooled.offsets, weights, pooling: { kind: "mean" }, rounding, output });
}
