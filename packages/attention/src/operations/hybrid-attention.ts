import { TapeError } from "@elastic-attention/core";
import { defineOperation, type GradientRule, type Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import type { HeadPatterns } from "../patterns/head-patterns.js";
import { addAttentionGradients, attentionInputs } from "../gradients/attention-gradient.js";
import type { AttentionScores } from "./attention-scores.js";
import { referenceHybridAttention } from "./reference-hybrid-attention.js";

/** The part of one sequence in an attention call. */
export interface AttentionSequence {
  /** First row of this sequence's queries in `query` and `output`. */
  readonly start: number;
  /** Number of query rows; the queries are the last of the cache's `length` positions (bottom-right alignment). */
  readonly length: number;
  /** Holds the keys and values of the query tokens too. */
  readonly cache: LayerCache;
  /** What each key-value head reads; a kernel that cannot take a decision from the device waits for it. */
  readonly routing: HeadPatterns;
  /**
   * i32 [2, numQueryHeads]: the tiles that heads with a threshold skipped, and all that they looked at, are added to it by query
   * head; in tiles of the kernel's own size, which may count none for few rows.
   */
  readonly tileCounts?: Tensor;
}

export interface HybridAttentionCall extends AttentionScores {
  /** [tokens, numQueryHeads, headDim], rotated; query head h reads key-value head h div (numQueryHeads / numKeyValueHeads). */
  readonly query: Tensor;
  /** Shape of `query`, any float dtype; rows outside the sequences are left alone. */
  readonly output: Tensor;
  readonly sequences: readonly AttentionSequence[];
  /** f32 [tokens, numQueryHeads], natural logarithm, with the sink's share; +Infinity for a row that sees nothing. */
  readonly logSumExp?: Tensor;
}

/** The choice of blocks is no function of anything here; gradients flow through what was chosen. */
const hybridAttentionGradient: GradientRule<HybridAttentionCall> = {
  inputs: ({ query, sequences }) => attentionInputs(query, sequences),
  outputs: ({ output, logSumExp }) => [output, ...(logSumExp === undefined ? [] : [logSumExp])],
  keepsInputs: ({ query, sequences }) => attentionInputs(query, sequences),
  keepsResults: ({ output, logSumExp }) => [output, ...(logSumExp === undefined ? [] : [logSumExp])],
  save({ logSumExp }) {
    if (logSumExp === undefined) throw new TapeError("hybridAttention: its gradient needs logSumExp.", "Give the call one.");
  },
  backward({ query, output, logSumExp, sequences, ...scores }, gradients) {
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined || logSumExp === undefined) return;
    addAttentionGradients(gradients, { query, output, logSumExp, outputGradient, sequences, ...scores });
  },
};

/**
 * Attention of all heads of a layer and all sequences of a batch in one call, each head by its own pattern
 * (paper section 3.3, Algorithm 1b). GQA is native: keys and values are never expanded. A row with nothing to see
 * gives zeros. Blocks that a pattern skips are not touched.
 */
export const hybridAttention = defineOperation<HybridAttentionCall>("hybridAttention", referenceHybridAttention, {
  gradient: hybridAttentionGradient,
});
