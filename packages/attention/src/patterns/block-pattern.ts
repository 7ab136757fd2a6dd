import type { Tensor } from "@elastic-attention/tensor";
import type { PageChoice } from "./page-choice.js";

/**
 * What the attention call understands; every mode comes down to one of these. With q queries at the end of k keys,
 * query row i is at position k - q + i, blocks are counted from position 0, and the diagonal block is masked causally.
 * "sliding" knows no blocks: position i sees the `windowTokens` positions that end with its own.
 */
export type BlockPattern =
  | { readonly type: "full" }
  | { readonly type: "streaming"; readonly sinkBlocks: number; readonly localBlocks: number; readonly blockSize: number }
  | { readonly type: "sliding"; readonly windowTokens: number }
  | ThresholdPattern
  | SelectedPattern;

/**
 * Everything, but for tiles that weigh nothing: of the keys of a query row, taken tile after tile, those of a tile are left out
 * whose largest score lies below the largest of the tiles before by more than log(n / factor), n the keys that the row sees. What
 * is left out weighs less than `factor` times the heaviest key in all. How many keys a tile has, and in which order tiles are
 * taken, is a kernel's matter.
 */
export interface ThresholdPattern {
  readonly type: "threshold";
  /** A finite number above 0. */
  readonly factor: number;
}

/** Blocks that a mask says. */
export interface SelectedPattern {
  readonly type: "selected";
  readonly blockSize: number;
  /** How the blocks of a decode step are chosen, for devices that choose them by themselves in a captured step. */
  readonly pages?: PageChoice;
}

/** What a head must keep in the cache to decode: everything, or the sink tokens and a ring of local blocks. */
export type Retention =
  | { readonly type: "all" }
  | { readonly type: "sink-ring"; readonly sinkTokens: number; readonly ringTokens: number };

/**
 * Blocks chosen for one sequence: `visited` is u8 [numQueryHeads * queryBlocks, keyBlocks], 1 where the block is read.
 * Rows of heads that are not in a "selected" mode are never read and may hold anything.
 */
export interface BlockMask extends Disposable {
  readonly blockSize: number;
  readonly numQueryHeads: number;
  readonly queryBlocks: number;
  readonly keyBlocks: number;
  readonly visited: Tensor;
}
