import type { AttentionScores } from "@elastic-attention/attention";
import { headNorm, rotary, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { LayerSteps, Runner } from "./decoder-layer.js";
import type { LayerWeights } from "./decoder-weights.js";
import { splitHeads } from "./fused-heads.js";
import type { Rotation } from "./rotation/batch-rotations.js";

/** The heads of one layer in one pass: what it keeps of them, and how it attends. */
export interface HeadPass {
  readonly spec: ModelSpec;
  readonly runner: Runner;
  /** Asked for when queries and keys are there; undefined in a layer without positions. */
  rotation(): Rotation | undefined;
  /** Sees keys and queries before RoPE (a router's input) and gives the keys to rotate: the same, or a copy where these are read again. */
  beforeRotation?(key: Tensor, query: Tensor): Tensor;
  /** Takes rotated keys and values, [rows, keyValueHeads, headDim]. */
  store(key: Tensor, value: Tensor): void;
  /** Attention of rotated queries [rows, queryHeads, headDim]: the heads' outputs [rows, queryHeads · headDim]. */
  attend(query: Tensor): LayerSteps<Tensor>;
}

/**
 * Norms of the heads, rotation, cache and attention. From `beforeRotation` to `attend` nothing depends on what a router
 * decides: a device that computes it has work while the host waits.
 */
export function* attendHeads(pass: HeadPass, { queryNorm, keyNorm }: LayerWeights, queryKeyValue: Tensor): LayerSteps<Tensor> {
  const { runner, spec } = pass;
  const { query, key: plain, value } = splitHeads(queryKeyValue, spec);
  normalizeHeads(runner, spec, plain, keyNorm);
  normalizeHeads(runner, spec, query, queryNorm);
  const key = pass.beforeRotation?.(plain, query) ?? plain;
  const rotation = pass.rotation();
  if (rotation !== undefined) {
    const { rope, positions } = rotation;
    runner.run(rotary, { heads: query, positions, ...rotation.query, pairs: rope.pairs });
    runner.run(rotary, { heads: key, positions, ...rotation.key, pairs: rope.pairs });
  }
  pass.store(key, value);
  yield "cache";
  return yield* pass.attend(query);
}

/** How a layer's scores become the logits of its softmax. */
export function attentionScores({ attentionScale, attentionSoftCap }: ModelSpec, { sinks }: LayerWeights): AttentionScores {
  return { scale: attentionScale, softCap: attentionSoftCap, sinkLogits: sinks };
}

/** The norm of queries or keys [rows, heads, headDim]: of each head's vector, or of all heads' as one. */
export function normalizeHeads(runner: Runner, spec: ModelSpec, heads: Tensor, weight: Tensor | undefined): void {
  if (weight === undefined) return;
  const [rows, numHeads, headDim] = heads.shape as [number, number, number];
  const vectors = spec.queryKeyNorm === "head" ? heads : heads.reshape([rows, 1, numHeads * headDim]);
  runner.run(headNorm, { heads: vectors, weight, epsilon: spec.norm.epsilon });
}
