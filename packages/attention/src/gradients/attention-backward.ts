import { defineOperation, type Tensor } from "@elastic-attention/tensor";
import type { CacheGradients } from "./cache-gradients.js";
import type { AttentionScores } from "../operations/attention-scores.js";
import type { AttentionSequence } from "../operations/hybrid-attention.js";
import { referenceAttentionBackward } from "./reference-attention-backward.js";

export interface AttentionBackwardCall extends AttentionScores {
  /** [tokens, numQueryHeads, headDim], as the forward call read it. */
  readonly query: Tensor;
  /** Shape of `query`: what the forward call wrote. */
  readonly output: Tensor;
  /** f32 [tokens, numQueryHeads]: what the forward call wrote; rows with +Infinity saw nothing and get no gradient. */
  readonly logSumExp: Tensor;
  /** Shape of `query`: gradient of the loss by `output`. */
  readonly outputGradient: Tensor;
  /** As in the forward call; every head keeps all its tokens (store type "all"). */
  readonly sequences: readonly AttentionSequence[];
  /** Shape of `query`, any float dtype; rows outside the sequences are left alone. */
  readonly queryGradient: Tensor;
  /** One for each sequence, any float dtype; slots without a token are left alone. */
  readonly cacheGradients: readonly CacheGradients[];
  /** Adds to what the gradients hold (the other output of a dual call) instead of overwriting it. */
  readonly accumulate?: boolean;
  /** The same bits in every run, where a faster kernel would add in the order in which results come. Default false. */
  readonly deterministic?: boolean;
}

/**
 * Gradients of query, keys and values of a {@link hybridAttention} call, each head by its own pattern: with
 * P = exp(scale · Q Kᵀ − logSumExp) over what the pattern reads, dV = Pᵀ dO, dS = P ∘ (dO Vᵀ − rowsum(dO ∘ O)),
 * dQ = scale · dS K and dK = scale · dSᵀ Q. A soft cap multiplies dS by its slope, 1 − (s / softCap)² of the capped score
 * s; sinks are in logSumExp and change nothing else. Keys and values get the sum over the query heads of their group. Blocks
 * that a pattern skips are not touched.
 */
export const attentionBackward = defineOperation<AttentionBackwardCall>("attentionBackward", referenceAttentionBackward);
