import type { Tensor } from "@elastic-attention/tensor";

/**
 * Where one key-value head of one sequence keeps its tokens: rows `firstSlot` to `firstSlot + numSlots` of the layer's
 * key and value tensors.
 *
 * - "all": position p is in slot p.
 * - "sink-ring": p < sinkTokens is in slot p, any other in slot sinkTokens + p mod ringTokens; positions before
 *   `length - ringTokens` (other than the sink) are gone. `ringTokens` is a multiple of the mode's block size, so every
 *   block is contiguous.
 */
export interface HeadStore {
  readonly type: "all" | "sink-ring";
  readonly firstSlot: number;
  readonly numSlots: number;
  /** 0 for "all". */
  readonly sinkTokens: number;
  /** 0 for "all". */
  readonly ringTokens: number;
}

/**
 * Keys (rotated) and values of one layer for one sequence, head after head, as the attention call reads them.
 * `keys` and `values` are [slots, headDim]; the class that manages them is `SequenceCache`.
 */
export interface LayerCache {
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Tokens seen so far, including those appended last. */
  readonly length: number;
  readonly keys: Tensor;
  readonly values: Tensor;
  /** One for each key-value head. */
  readonly heads: readonly HeadStore[];
}
