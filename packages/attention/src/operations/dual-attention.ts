import { defineOperation, type Tensor } from "@elastic-attention/tensor";
import type { DualAttentionSequence } from "./dual-sequence.js";
import { referenceDualAttention } from "./reference-dual-attention.js";

export interface DualAttentionCall {
  /** [tokens, numQueryHeads, headDim], rotated. */
  readonly query: Tensor;
  /** Shape of `query`, any float dtype: every head by its retrieval pattern. Rows outside the sequences are left alone. */
  readonly fullOutput: Tensor;
  /** The same by the head's own pattern. */
  readonly sparseOutput: Tensor;
  /** f32 [tokens, numQueryHeads], natural logarithm; +Infinity for a row that sees nothing. */
  readonly fullLogSumExp: Tensor;
  readonly sparseLogSumExp: Tensor;
  readonly sequences: readonly DualAttentionSequence[];
  /** Multiplies q · k. */
  readonly scale: number;
}

/**
 * Both outputs that training a router needs of every head (paper section 3.2): the retrieval mode's and the sparse
 * mode's. Each equals a {@link hybridAttention} call; kernels share what the two read, since a sparse pattern's blocks
 * are among the full pattern's.
 */
export const dualAttention = defineOperation<DualAttentionCall>("dualAttention", referenceDualAttention);
