import type { HeadPlan, LayerCache } from "@elastic-attention/attention";
import type { Tensor } from "@elastic-attention/tensor";

/** One sequence's attention in one layer of a prefill, at the moment its keys are still complete. */
export interface AttentionEvent {
  readonly layer: number;
  /** Index of the sequence in the batch. */
  readonly sequence: number;
  /** [tokens, numQueryHeads, headDim], rotated; valid during the call only. */
  readonly query: Tensor;
  readonly cache: LayerCache;
  readonly scale: number;
}

/** A routing decision for consecutive sequences of the batch. */
export interface RouteEvent {
  readonly layer: number;
  /** Index in the batch of the plan's first sequence. */
  readonly firstSequence: number;
  /** Valid during the call only. */
  readonly plan: HeadPlan;
}

/** Looks on while a model prefills: how retrieval scores and routing logits are taken without a change to any model. */
export interface AttentionObserver {
  afterRoute?(event: RouteEvent): void;
  afterAttention?(event: AttentionEvent): void;
}
