import type { AttentionObserver, Router } from "@elastic-attention/router";
import type { ForwardPass } from "../layer/forward-pass.js";
import type { SequenceTokens } from "../layer/sequence-batch.js";

/** One sequence of a prefill. */
export interface PrefillSequence extends SequenceTokens {
  /** Decides the modes of a new sequence (an empty cache); none: every head full. Later tokens keep the modes of the first. */
  readonly router?: Router;
  /** Leading tokens that were in the cache before and are read again, so that nothing is told of them. Default 0. */
  readonly readAgain?: number;
}

/** A prefill's forward pass: who decides for each sequence, and who looks on. */
export interface PrefillPass extends ForwardPass {
  readonly routers: readonly (Router | undefined)[];
  readonly observer?: AttentionObserver | undefined;
}
