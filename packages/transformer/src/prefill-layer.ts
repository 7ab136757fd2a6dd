import type { MemoryScope } from "@elastic-attention/core";
import { hybridAttention } from "@elastic-attention/attention";
import type { AttentionObserver } from "@elastic-attention/router";
import { headNorm, linear, rmsNorm, rotary } from "@elastic-attention/tensor";
import type { AttentionContext } from "./attention-block.js";
import { attentionSlices } from "./attention-slices.js";
import type { LayerWeights } from "./decoder-weights.js";
import { splitHeads } from "./fused-heads.js";
import { mlpBlock } from "./mlp-block.js";
import { type RoutingResult, startRouting } from "./route-layer.js";

/** What a slice of a prefill did. */
export type PrefillPhase = "embedding" | "projection" | "cache" | "attention" | "feed-forward" | "logits";

/** What a layer of a prefill needs besides its weights. */
export interface PrefillContext extends AttentionContext {
  readonly observer?: AttentionObserver;
}

/**
 * One layer of a prefill, in slices: norm and fused projection in row chunks; the routers are asked, on the keys before
 * RoPE; rotation and cache; their answers, and the attention call for all heads and sequences, or parts of it; output
 * projection and MLP in row chunks; and what the plan does not need leaves the cache.
 *
 * @param mostPairs asked before the attention: query-key pairs of one slice.
 * @param pending takes what outlives the layer.
 */
export function* prefillLayer(
  context: PrefillContext,
  weights: LayerWeights,
  layer: number,
  mostPairs: () => number,
  pending: MemoryScope,
): Generator<PrefillPhase, RoutingResult> {
  const { backend, spec, batch, workspace, observer } = context;
  const { kernels } = backend;
  for (const [start, end] of workspace.chunks()) {
    const normed = workspace.normed.rows(0, end - start);
    const input = workspace.hidden.rows(start, end);
    kernels.run(rmsNorm, { input, weight: weights.attentionNorm, epsilon: spec.rmsNormEpsilon, output: normed });
    kernels.run(linear, { input: normed, ...weights.queryKeyValue, output: workspace.queryKeyValue.rows(start, end) });
    yield "projection";
  }
  const { query, key, value } = splitHeads(workspace.queryKeyValue, spec);
  const { queryNorm, keyNorm } = weights;
  if (keyNorm !== undefined) kernels.run(headNorm, { heads: key, weight: keyNorm, epsilon: spec.rmsNormEpsilon });
  // From here to the attention nothing depends on the plan: a device that computes it has work while the host waits.
  using routing = startRouting(context, key, layer, pending);
  if (queryNorm !== undefined) kernels.run(headNorm, { heads: query, weight: queryNorm, epsilon: spec.rmsNormEpsilon });
  // Asked for in every layer: between two slices another prefill may have grown the tables.
  const { cosine, sine } = context.rotaryTable.tables(batch.longest);
  kernels.run(rotary, { heads: query, positions: batch.positions, cosine, sine });
  kernels.run(rotary, { heads: key, positions: batch.positions, cosine, sine });
  for (const [index, cache] of batch.caches.entries()) {
    const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
    cache.append(layer, key.rows(start, end), value.rows(start, end));
  }
  yield "cache";
  const scale = spec.headDim ** -0.5;
  const output = workspace.attention.reshape(query.shape);
  for (const sequences of attentionSlices(routing.select(query, scale), mostPairs())) {
    kernels.run(hybridAttention, { query, output, sequences, scale });
    yield "attention";
  }
  if (observer?.afterAttention !== undefined) {
    for (const [sequence, cache] of batch.caches.entries()) {
      const rows = query.rows(batch.offsets[sequence]!, batch.offsets[sequence + 1]!);
      observer.afterAttention({ layer, sequence, query: rows, cache: cache.layer(layer), scale });
    }
  }
  const result = routing.result();
  for (const [index, cache] of batch.caches.entries()) cache.settle(layer, result.modes[index]!);
  for (const [start, end] of workspace.chunks()) {
    const [input, hidden] = [workspace.attention.rows(start, end), workspace.hidden.rows(start, end)];
    kernels.run(linear, { input, ...weights.attentionOutput, output: hidden, accumulate: true });
    mlpBlock(backend, spec, weights, workspace, [start, end]);
    yield "feed-forward";
  }
  return result;
}
