import type { Retention } from "../patterns/block-pattern.js";
import type { KeptTokens } from "./keep-chosen.js";
import type { LayerCache } from "./layer-cache.js";
import type { PageBounds } from "./bounds/page-bounds.js";

/** One layer of a sequence's cache together with how it gets its memory. */
export interface LayerStorage extends LayerCache {
  length: number;
  /** Tokens whose complete pages have bounds, in a layer whose heads choose pages. */
  boundedTokens: number;
  /** Memory for the bounds of pages of so many tokens, the same as long as the rows lie where they are. @throws OutOfMemoryError */
  openBounds(pageTokens: number): PageBounds;
  /** Bytes that keys and values take now, and the bounds of their pages. */
  readonly byteLength: number;
  /**
   * Makes room for `tokens` more, each head keeping what its retention says, and what those tokens' queries read besides.
   * @throws OutOfMemoryError, and the layer is as before then
   */
  makeRoom(retentions: readonly Retention[], tokens: number): void;
  /** Puts chosen tokens of heads that still hold everything into their first slots, in the place of others. @throws OutOfMemoryError, and the layer is as before then */
  keepTokens(kept: readonly (KeptTokens | undefined)[]): void;
  /** Drops what the retentions do not need. @throws OutOfMemoryError, and the layer is as before then */
  settle(retentions: readonly Retention[]): void;
  /** A copy of what it holds, in memory of its own. @throws OutOfMemoryError, and nothing stays */
  fork(): LayerStorage;
  dispose(): void;
}
