import { type AttentionSequence, hybridAttention } from "@elastic-attention/attention";
import type { AttentionObserver } from "@elastic-attention/router";
import { type Backend, headNorm, linear, rmsNorm, rotary, type Tensor } from "@elastic-attention/tensor";
import type { LayerWeights } from "./decoder-weights.js";
import type { ModelSpec } from "./model-spec.js";
import { decodeSequences, prefillSequences, type RoutingResult } from "./route-layer.js";
import type { RotaryTable } from "./rotary-table.js";
import type { SequenceBatch } from "./sequence-batch.js";
import type { Workspace } from "./workspace.js";

/** What the attention of one layer needs besides its weights. */
export interface AttentionContext {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  readonly batch: SequenceBatch;
  readonly workspace: Workspace;
  readonly rotaryTable: RotaryTable;
  readonly observer?: AttentionObserver;
}

/**
 * hidden += output(attention(norm(hidden))): norm, fused projection, q/k norm, routing on the keys before RoPE, cache,
 * and one attention call for all heads and sequences.
 */
export function attentionBlock(
  context: AttentionContext,
  weights: LayerWeights,
  layer: number,
  phase: "prefill" | "decode",
): RoutingResult | undefined {
  const { backend, spec, batch, workspace, observer } = context;
  const { kernels } = backend;
  for (const [start, end] of workspace.chunks()) {
    const normed = workspace.normed.rows(0, end - start);
    const input = workspace.hidden.rows(start, end);
    kernels.run(rmsNorm, { input, weight: weights.attentionNorm, epsilon: spec.rmsNormEpsilon, output: normed });
    kernels.run(linear, { input: normed, ...weights.queryKeyValue, output: workspace.queryKeyValue.rows(start, end) });
  }
  const { query, key, value } = splitHeads(workspace.queryKeyValue, spec);
  if (weights.queryNorm !== undefined && weights.keyNorm !== undefined) {
    kernels.run(headNorm, { heads: query, weight: weights.queryNorm, epsilon: spec.rmsNormEpsilon });
    kernels.run(headNorm, { heads: key, weight: weights.keyNorm, epsilon: spec.rmsNormEpsilon });
  }
  using routing = phase === "prefill" ? prefillSequences(context, key, layer) : undefined;
  // Asked for in every layer: between two layers another prefill may have grown the tables.
  const { cosine, sine } = context.rotaryTable.tables(batch.longest);
  kernels.run(rotary, { heads: query, positions: batch.positions, cosine, sine });
  kernels.run(rotary, { heads: key, positions: batch.positions, cosine, sine });
  for (const [index, cache] of batch.caches.entries()) {
    const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
    cache.append(layer, key.rows(start, end), value.rows(start, end));
  }
  const scale = spec.headDim ** -0.5;
  const sequences: readonly AttentionSequence[] = routing?.select(query, scale) ?? decodeSequences(batch, layer);
  const output = workspace.attention.reshape(query.shape);
  kernels.run(hybridAttention, { query, output, sequences, scale });
  if (observer?.afterAttention !== undefined) {
    for (const [sequence, cache] of batch.caches.entries()) {
      const rows = query.rows(batch.offsets[sequence]!, batch.offsets[sequence + 1]!);
      observer.afterAttention({ layer, sequence, query: rows, cache: cache.layer(layer), scale });
    }
  }
  for (const [start, end] of workspace.chunks()) {
    const [input, hidden] = [workspace.attention.rows(start, end), workspace.hidden.rows(start, end)];
    kernels.run(linear, { input, ...weights.attentionOutput, output: hidden, accumulate: true });
  }
  return routing?.result();
}

/** Views of the fused projection as heads: [tokens, heads, headDim] each. */
function splitHeads(fused: Tensor, { numQueryHeads, numKeyValueHeads, headDim }: ModelSpec) {
  const [queries, keys] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const heads = (start: number, count: number) =>
    fused.columns(start, start + count * headDim).reshape([fused.numRows, count, headDim]);
  return {
    query: heads(0, numQueryHeads),
    key: heads(queries, numKeyValueHeads),
    value: heads(queries + keys, numKeyValueHeads),
  };
}
