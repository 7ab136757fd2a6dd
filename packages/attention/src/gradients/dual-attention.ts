import { defineOperation, type GradientRule, type Tensor } from "@elastic-attention/tensor";
import { type AttentionScores, attentionScoresOf } from "../operations/attention-scores.js";
import { addAttentionGradients, attentionInputs } from "./attention-gradient.js";
import { type DualAttentionSequence, retrievalSide } from "./dual-sequence.js";
import { referenceDualAttention } from "./reference-dual-attention.js";

export interface DualAttentionCall extends AttentionScores {
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
}

const dualAttentionGradient: GradientRule<DualAttentionCall> = {
  inputs: ({ query, sequences }) => attentionInputs(query, sequences),
  outputs: ({ fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp }) => [
    fullOutput,
    sparseOutput,
    fullLogSumExp,
    sparseLogSumExp,
  ],
  keepsInputs: ({ query, sequences }) => attentionInputs(query, sequences),
  keepsResults: (call) => dualAttentionGradient.outputs(call),
  backward({ query, sequences, ...results }, gradients) {
    const scores = attentionScoresOf(results);
    const [full, sparse] = [gradients.incoming(results.fullOutput), gradients.incoming(results.sparseOutput)];
    if (full !== undefined) {
      const computed = { query, sequences: sequences.map(retrievalSide), ...scores, outputGradient: full };
      addAttentionGradients(gradients, { ...computed, output: results.fullOutput, logSumExp: results.fullLogSumExp });
    }
    if (sparse !== undefined) {
      const computed = { query, sequences, ...scores, outputGradient: sparse };
      addAttentionGradients(gradients, { ...computed, output: results.sparseOutput, logSumExp: results.sparseLogSumExp });
    }
  },
};

/**
 * Both outputs that training a router needs of every head (paper section 3.2): the retrieval mode's and the sparse
 * mode's. Each equals a {@link hybridAttention} call; kernels share what the two read, since a sparse pattern's blocks
 * are among the full pattern's.
 */
export const dualAttention = defineOperation<DualAttentionCall>("dualAttention", referenceDualAttention, {
  gradient: dualAttentionGradient,
});
