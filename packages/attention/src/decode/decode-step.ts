import { defineOperation, headNorm, rotary, type Tensor } from "@elastic-attention/tensor";
import type { DecodeBatch } from "./decode-batch.js";
import type { LayerCache } from "../cache/layer-cache.js";
import { cacheAppend } from "../operations/cache-append.js";
import type { AttentionScores } from "../operations/attention-scores.js";
import { hybridAttention } from "../operations/hybrid-attention.js";

export interface DecodePlanBytesCall {
  readonly slots: number;
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
}

/** Bytes of `DecodeBatch.plan` for batches of this size. */
export const decodePlanBytes = defineOperation<DecodePlanBytesCall, number>("decodePlanBytes", () => 0);

export interface PlanDecodeCall {
  readonly batch: DecodeBatch;
}

/**
 * Reads the batch's lengths and shares the keys of every layer out over the device; once a step, before its layers. What
 * it writes to `batch.plan` is the backend's own.
 */
export const planDecode = defineOperation<PlanDecodeCall>("planDecode", () => {});

export interface PrepareDecodeCall {
  readonly batch: DecodeBatch;
  readonly layer: number;
  /** [slots, (queryHeads + 2 · kvHeads) · headDim], as the fused projection gives it; queries are changed in place. */
  readonly queryKeyValue: Tensor;
  readonly numQueryHeads: number;
  readonly headDim: number;
  /** f32 [headDim] each, for models that have them. */
  readonly queryNorm?: Tensor | undefined;
  readonly keyNorm?: Tensor | undefined;
  readonly epsilon: number;
  /** f32 [positions, headDim / 2]. */
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/** Norm and rotation of each sequence's queries and keys at its last position; keys and values go to its cache. */
export const prepareDecode = defineOperation<PrepareDecodeCall>("prepareDecode", (call, backend) => {
  const { batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, cosine, sine } = call;
  const { numKeyValueHeads } = batch.options;
  const heads = (slot: number, first: number, count: number) =>
    queryKeyValue.rows(slot, slot + 1).columns(first * headDim, (first + count) * headDim).reshape([1, count, headDim]);
  for (const [slot, cache] of batch.caches.entries()) {
    const query = heads(slot, 0, numQueryHeads);
    const keys = heads(slot, numQueryHeads, numKeyValueHeads);
    const values = heads(slot, numQueryHeads + numKeyValueHeads, numKeyValueHeads);
    if (queryNorm !== undefined) backend.kernels.run(headNorm, { heads: query, weight: queryNorm, epsilon });
    if (keyNorm !== undefined) backend.kernels.run(headNorm, { heads: keys, weight: keyNorm, epsilon });
    using positions = backend.upload(Int32Array.of(cache.length), [1], "i32");
    for (const rotated of [query, keys]) backend.kernels.run(rotary, { heads: rotated, positions, cosine, sine });
    backend.kernels.run(cacheAppend, { keys, values, cache: cache.layer(layer) });
  }
});

export interface DecodeAttentionCall extends AttentionScores {
  readonly batch: DecodeBatch;
  readonly layer: number;
  /** [slots, numQueryHeads, headDim], prepared. */
  readonly query: Tensor;
  /** Shape of `query`; rows of empty slots are left alone. */
  readonly output: Tensor;
}

/** Attention of one token of each sequence, each head by its cache's decode pattern. */
export const decodeAttention = defineOperation<DecodeAttentionCall>("decodeAttention", ({ batch, layer, query, output, ...scores }, backend) => {
  const sequences = batch.caches.map((cache, start) => {
    const { numKeyValueHeads, headDim, length, keys, values, heads, pages, cacheType } = cache.layer(layer);
    const grown: LayerCache = { numKeyValueHeads, headDim, length: length + 1, keys, values, heads, pages, cacheType };
    return { start, length: 1, cache: grown, routing: cache.decodePatterns(layer) };
  });
  backend.kernels.run(hybridAttention, { query, output, sequences, ...scores });
});
