import type { Tensor } from "@elastic-attention/tensor";
import type { PageBounds } from "./bounds/page-bounds.js";
import type { CacheType } from "./rounded/cache-type.js";

/**
 * Where one key-value head of one sequence keeps its tokens: slots `firstSlot` to `firstSlot + numSlots`. Without a page
 * table a slot is a row of the layer's key and value tensors; with one, see {@link PageTable}.
 *
 * - "all": position p is in slot p.
 * - "sink-ring": p < sinkTokens is in slot p, any other in slot sinkTokens + p mod ringTokens; positions before
 *   `length - ringTokens` (other than the sink) are gone. Without pages `ringTokens` is a multiple of the mode's block
 *   size, so every block is contiguous; with pages both counts are whole pages.
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

/** Slot s lies in row entries[s div pageTokens] · pageTokens + s mod pageTokens of the key and value tensors. */
export interface PageTable {
  /** 128 times a power of two. */
  readonly pageTokens: number;
  /** i32 [entries, 1]; entries of slots that were never written may hold anything. */
  readonly entries: Tensor;
  /** The same on the host. */
  readonly host: Int32Array;
}

/**
 * Keys (rotated) and values of one layer for one sequence, as the attention call reads them. `keys` and `values` are
 * [rows, headDim]; the class that manages them is `SequenceCache`.
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
  /** Where the slots lie; missing: slot s is row s. */
  readonly pages?: PageTable | undefined;
  /** Bounds of the complete pages of heads that choose pages; missing where none does. */
  readonly bounds?: PageBounds | undefined;
  /** What rows are kept in, where that is not floats: `keys` and `values` are then bytes; see `cacheRow`. */
  readonly cacheType?: CacheType | undefined;
}
