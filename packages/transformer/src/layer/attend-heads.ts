import { headNorm, rotary, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { LayerSteps, Runner } from "./decoder-layer.js";
import type { LayerWeights } from "./decoder-weights.js";
import { splitHeads } from "./fused-heads.js";
import type { RotaryTable } from "./rotary-table.js";

/** The heads of one layer in one pass: what it keeps of them, and how it attends. */
export interface HeadPass {
  readonly spec: ModelSpec;
  readonly runner: Runner;
  readonly rotaryTable: RotaryTable;
  /** i32 [rows]: position of each row in its sequence. */
  readonly positions: Tensor;
  /** One past the largest position. */
  readonly longest: number;
  /** Sees the keys before RoPE (a router's input) and gives those to rotate: the same, or a copy where these are read again. */
  beforeRotation?(key: Tensor): Tensor;
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
  const { runner, spec, positions } = pass;
  const { query, key: plain, value } = splitHeads(queryKeyValue, spec);
  const epsilon = spec.rmsNormEpsilon;
  if (keyNorm !== undefined) runner.run(headNorm, { heads: plain, weight: keyNorm, epsilon });
  const key = pass.beforeRotation?.(plain) ?? plain;
  if (queryNorm !== undefined) runner.run(headNorm, { heads: query, weight: queryNorm, epsilon });
  // Asked for in every layer: between two slices another prefill may have grown the tables.
  const { cosine, sine } = pass.rotaryTable.tables(pass.longest);
  runner.run(rotary, { heads: query, positions, cosine, sine });
  runner.run(rotary, { heads: key, positions, cosine, sine });
  pass.store(key, value);
  yield "cache";
  return yield* pass.attend(query);
}

/** What multiplies q · k. */
export function attentionScale({ headDim }: ModelSpec): number {
  return headDim ** -0.5;
}
