import type { DualAttentionCall } from "./dual-attention.js";
import { retrievalSide } from "./dual-sequence.js";
import { referenceHybridAttention } from "../operations/reference-hybrid-attention.js";

/** The specification of dual attention: two hybrid calls. */
export function referenceDualAttention(call: DualAttentionCall): void {
  const { query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences, scale } = call;
  const full = sequences.map(retrievalSide);
  referenceHybridAttention({ query, output: fullOutput, logSumExp: fullLogSumExp, sequences: full, scale });
  referenceHybridAttention({ query, output: sparseOutput, logSumExp: sparseLogSumExp, sequences, scale });
}
