import { defineOperation, type Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import type { XAttentionMode } from "../modes/attention-mode.js";
import type { BlockMask } from "../patterns/block-pattern.js";
import { referenceXAttentionEstimate } from "./reference-xattention-estimate.js";

export interface XAttentionEstimateCall {
  /** [tokens, numQueryHeads, headDim], rotated; tokens = `cache.length`. */
  readonly query: Tensor;
  /** Keys of the same tokens, every head of store type "all". */
  readonly cache: LayerCache;
  /** Only these heads (and their query heads) are scored. */
  readonly keyValueHeads: readonly number[];
  readonly mode: XAttentionMode;
  /** Multiplies q · k, as in the attention that the blocks are chosen for. Default headDim^-0.5. */
  readonly scale?: number;
  /** The attention's soft cap; here it bounds what an antidiagonal's scaled scores are on average. Default none. */
  readonly softCap?: number | undefined;
  /**
   * Rounds antidiagonal scores and block masses to bf16 as the published code does (parity), instead of keeping
   * them in float32.
   */
  readonly roundToBFloat16?: boolean;
}

/**
 * XAttention block selection (reference semantics 3.5): antidiagonal scores, softmax over key groups, block masses,
 * threshold walk with the first and the diagonal block forced. The caller disposes the mask.
 */
export const xattentionEstimate = defineOperation<XAttentionEstimateCall, BlockMask>(
  "xattentionEstimate",
  referenceXAttentionEstimate,
);
