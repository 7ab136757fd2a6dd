import { type AttentionSequence, hybridAttention } from "@elastic-attention/attention";
import { type Backend, headNorm, linear, rmsNorm, rotary } from "@elastic-attention/tensor";
import type { LayerWeights } from "./decoder-weights.js";
import { splitHeads } from "./fused-heads.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { RotaryTable } from "./rotary-table.js";
import type { SequenceBatch } from "../prefill/sequence-batch.js";
import type { Workspace } from "./workspace.js";

/** What the attention of one layer needs besides its weights. */
export interface AttentionContext {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  readonly batch: SequenceBatch;
  readonly workspace: Workspace;
  readonly rotaryTable: RotaryTable;
}

/**
 * A decode step's hidden += output(attention(norm(hidden))): norm, fused projection, q/k norm, cache, and one attention
 * call for all heads and sequences, each by the plan that its cache holds.
 */
export function attentionBlock(context: AttentionContext, weights: LayerWeights, layer: number): void {
  const { backend, spec, batch, workspace } = context;
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
  const { cosine, sine } = context.rotaryTable.tables(batch.longest);
  kernels.run(rotary, { heads: query, positions: batch.positions, cosine, sine });
  kernels.run(rotary, { heads: key, positions: batch.positions, cosine, sine });
  for (const [index, cache] of batch.caches.entries()) {
    const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
    cache.append(layer, key.rows(start, end), value.rows(start, end));
  }
  const scale = spec.headDim ** -0.5;
  const output = workspace.attention.reshape(query.shape);
  kernels.run(hybridAttention, { query, output, sequences: decodeSequences(batch, layer), scale });
  for (const [start, end] of workspace.chunks()) {
    const [input, hidden] = [workspace.attention.rows(start, end), workspace.hidden.rows(start, end)];
    kernels.run(linear, { input, ...weights.attentionOutput, output: hidden, accumulate: true });
  }
}

/** Patterns of a decode step: what each cache was routed to. */
function decodeSequences(batch: SequenceBatch, layer: number): AttentionSequence[] {
  return batch.caches.map((cache, index) => ({
    start: batch.offsets[index]!,
    length: batch.offsets[index + 1]! - batch.offsets[index]!,
    cache: cache.layer(layer),
    patterns: cache.decodePatterns(layer),
  }));
}
