import type { DualAttentionCall } from "./dual-attention.js";
import { retrievalSide } from "./dual-sequence.js";
import { attentionScoresOf } from "../operations/attention-scores.js";
import { referenceHybridAttention } from "../operations/reference-hybrid-attention.js";

/** The specification of dual attention: two hybrid calls. */
export function referenceDualAttention(call: DualAttentionCall): void {
  const { query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences } = call;
  const scores = attentionScoresOf(call);
  const full = sequences.map(retrievalSide);
  referenceHybridAttention({ query, output: fullOutput, logSumExp: fullLogSumExp, sequences: full, ...scores });
  referenceHybridAttention({ query, output: sparseOutput, logSumExp: sparseLogSumExp, sequences, ...scores });
}
