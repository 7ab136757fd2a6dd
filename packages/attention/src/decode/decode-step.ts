import { MemoryScope } from "@elastic-attention/core";
import { defineOperation, headNorm, rotary, type RotaryPairs, type Tensor } from "@elastic-attention/tensor";
import type { DecodeBatch } from "./decode-batch.js";
import { stepPatterns } from "./step-patterns.js";
import { shortenedCache } from "../cache/shortened-cache.js";
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
  /** Undefined in a layer without positions. */
  readonly rotation: DecodeRotation | undefined;
}

/** Tables of angles, f32 [rows, turned / 2] each: their width says how many elements of a head are turned, its first ones. */
export interface DecodeAngles {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/** How the queries and keys of a layer are rotated in a decode step. */
export interface DecodeRotation {
  readonly pairs: RotaryPairs;
  /** Which row of the tables a token turns by: that of its position, or that of its slot. */
  readonly rowOf: "position" | "slot";
  readonly query: DecodeAngles;
  readonly key: DecodeAngles;
}

/** Norm and rotation of each slot's queries and keys at its token's position; keys and values go to its sequence's cache. */
export const prepareDecode = defineOperation<PrepareDecodeCall>("prepareDecode", (call, backend) => {
  const { batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, rotation } = call;
  const { numKeyValueHeads } = batch.options;
  const heads = (slot: number, first: number, count: number) =>
    queryKeyValue.rows(slot, slot + 1).columns(first * headDim, (first + count) * headDim).reshape([1, count, headDim]);
  for (const [slot, { cache, position }] of batch.rows.entries()) {
    const query = heads(slot, 0, numQueryHeads);
    const keys = heads(slot, numQueryHeads, numKeyValueHeads);
    const values = heads(slot, numQueryHeads + numKeyValueHeads, numKeyValueHeads);
    if (queryNorm !== undefined) backend.kernels.run(headNorm, { heads: query, weight: queryNorm, epsilon });
    if (keyNorm !== undefined) backend.kernels.run(headNorm, { heads: keys, weight: keyNorm, epsilon });
    if (rotation !== undefined) {
      using positions = backend.upload(Int32Array.of(rotation.rowOf === "slot" ? slot : position), [1], "i32");
      const { pairs } = rotation;
      backend.kernels.run(rotary, { heads: query, positions, ...rotation.query, pairs });
      backend.kernels.run(rotary, { heads: keys, positions, ...rotation.key, pairs });
    }
    backend.kernels.run(cacheAppend, { keys, values, cache: shortenedCache(cache.layer(layer), position) });
  }
});

export interface DecodeAttentionCall extends AttentionScores {
  readonly batch: DecodeBatch;
  readonly layer: number;
  /** [slots, numQueryHeads, headDim], prepared. */
  readonly query: Tensor;
  /** Shape of `query`; rows of empty slots are left alone. */
  readonly output: Tensor;
  /** Whether heads of the batch choose pages by their queries: a kernel that cannot do so in a captured step refuses. Default false. */
  readonly choosesPages?: boolean;
}

/**
 * Attention of the tokens of a step, each head by its cache's decode pattern. The keys of all of them have been prepared, and a
 * token sees no later one.
 */
export const decodeAttention = defineOperation<DecodeAttentionCall>("decodeAttention", ({ batch, layer, query, output, ...scores }, backend) => {
  using scope = new MemoryScope();
  const sequences = batch.rows.map(({ cache, position }, start) => {
    const view = shortenedCache(cache.layer(layer), position + 1);
    const step = scope.track(stepPatterns(cache, layer, view, query.rows(start, start + 1), scores));
    return { start, length: 1, cache: step.cache, routing: step.routing };
  });
  backend.kernels.run(hybridAttention, { query, output, sequences, ...scores });
});
