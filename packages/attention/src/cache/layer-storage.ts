import type { Retention } from "../patterns/block-pattern.js";
import type { LayerCache } from "./layer-cache.js";

/** One layer of a sequence's cache together with how it gets its memory. */
export interface LayerStorage extends LayerCache {
  length: number;
  /** Bytes that keys and values take now. */
  readonly byteLength: number;
  /**
   * Makes room for `tokens` more, each head keeping what its retention says, and what those tokens' queries read besides.
   * @throws OutOfMemoryError, and the layer is as before then
   */
  makeRoom(retentions: readonly Retention[], tokens: number): void;
  /** Drops what the retentions do not need. @throws OutOfMemoryError, and the layer is as before then */
  settle(retentions: readonly Retention[]): void;
  /** A copy of what it holds, in memory of its own. @throws OutOfMemoryError, and nothing stays */
  fork(): LayerStorage;
  dispose(): void;
}
