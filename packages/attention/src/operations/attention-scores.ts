import { ShapeError } from "@elastic-attention/core";
import { expectShape, type Tensor } from "@elastic-attention/tensor";

/** How an attention call turns q · k into the logits of its softmax; what a model fixes for a layer. */
export interface AttentionScores {
  /** Multiplies q · k: headDim^-0.5 in most models, but any positive number. */
  readonly scale: number;
  /**
   * Soft cap of the scaled scores, applied before the mask: s becomes softCap · tanh(s / softCap) (Gemma 2). A positive
   * number; missing: no cap.
   */
  readonly softCap?: number | undefined;
  /**
   * f32 [numQueryHeads]: one more logit of each query head's softmax, whose weight is dropped (the learned sinks of
   * gpt-oss): it enters the denominator alone, neither scaled nor capped. -Infinity is the same as no sink. Frozen: no
   * gradient flows to it. Missing: no sinks.
   */
  readonly sinkLogits?: Tensor | undefined;
}

/**
 * Checks the settings of an attention call's scores.
 * @throws ShapeError in the operation's name
 */
export function expectAttentionScores(operation: string, { scale, softCap, sinkLogits }: AttentionScores, numQueryHeads: number): void {
  if (!Number.isFinite(scale)) throw new ShapeError(`${operation}: scale must be a number, found ${scale}.`);
  if (softCap !== undefined && !(softCap > 0 && Number.isFinite(softCap))) {
    throw new ShapeError(`${operation}: softCap must be a positive number, found ${softCap}.`, "Leave it out for no cap.");
  }
  if (sinkLogits === undefined) return;
  expectShape(operation, "sinkLogits", sinkLogits, [numQueryHeads]);
  if (sinkLogits.dtype !== "f32") throw new ShapeError(`${operation}: sinkLogits are f32, found ${sinkLogits.dtype}.`);
}

/** The scores' settings of a call, and nothing else of it. */
export function attentionScoresOf({ scale, softCap, sinkLogits }: AttentionScores): AttentionScores {
  return { scale, softCap, sinkLogits };
}

/** The logit of a scaled score: capped where there is a cap. */
export function cappedScore(score: number, softCap: number | undefined): number {
  return softCap === undefined ? score : softCap * Math.tanh(score / softCap);
}
