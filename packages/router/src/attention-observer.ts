import type { LayerCache } from "@elastic-attention/attention";
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

/** Looks on while a model prefills: how retrieval scores are taken without a change to any model. */
export interface AttentionObserver {
  afterAttention(event: AttentionEvent): void;
}
