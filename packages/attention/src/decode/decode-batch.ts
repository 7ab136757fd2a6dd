import { MemoryScope, ShapeError } from "@elastic-attention/core";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { BlockPattern } from "../patterns/block-pattern.js";
import { patternNumbers } from "../patterns/pattern-numbers.js";
import type { HeadStore } from "../cache/layer-cache.js";
import type { PagePool } from "../cache/pages/page-pool.js";
import type { SequenceCache } from "../cache/sequence-cache.js";

/** Numbers of a head in the table: pattern, sink and local blocks, block size, then its store. */
export const headEntryNumbers = 8;

export interface DecodeBatchOptions {
  readonly backend: Backend;
  readonly pool: PagePool;
  /** Sequences there is room for. */
  readonly slots: number;
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  /** Bytes that the backend's kernels write the plan of a step to. */
  readonly planBytes: number;
}

/**
 * Which sequences decode together, as tables at fixed places on the backend: the kernels of a step read everything that
 * changes from step to step from here, so that the step can be captured once and replayed.
 */
export class DecodeBatch implements Disposable {
  /** i32 [slots]: tokens of each sequence, the one of this step included; 0 for an empty slot. */
  readonly lengths: Tensor;
  /** i32 [slots]: the tokens of this step. */
  readonly ids: Tensor;
  /** i32 [slots · layers · kvHeads, 8]: pattern and store of each head; mirrors the native `HeadEntry`. */
  readonly heads: Tensor;
  /** u8 [1, planBytes]. */
  readonly plan: Tensor;
  /** The sequences, in the order of the slots. */
  caches: readonly SequenceCache[] = [];
  readonly #numbers: Tensor;
  readonly #scope = new MemoryScope();
  readonly #known: ({ cache: WeakRef<SequenceCache>; version: number } | undefined)[] = [];

  /** @throws OutOfMemoryError */
  constructor(readonly options: DecodeBatchOptions) {
    const { backend, slots, numLayers, numKeyValueHeads, planBytes } = options;
    try {
      this.#numbers = this.#scope.track(backend.allocate([2, slots], "i32"));
      this.lengths = this.#numbers.rows(0, 1).reshape([slots]);
      this.ids = this.#numbers.rows(1, 2).reshape([slots]);
      this.heads = this.#scope.track(backend.allocate([slots * numLayers * numKeyValueHeads, headEntryNumbers], "i32"));
      this.plan = this.#scope.track(backend.allocate([1, planBytes], "u8"));
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  /**
   * Sets the batch of the next step: makes room for one token in every cache and brings what changed to the backend.
   * @throws OutOfMemoryError, and nothing of the caches changed but the room they have; ShapeError
   */
  update(tokens: ArrayLike<number>, caches: readonly SequenceCache[]): void {
    const { slots, pool, backend } = this.options;
    if (caches.length > slots) throw new ShapeError(`${caches.length} sequences do not fit a decode batch of ${slots}.`);
    for (const cache of caches) {
      if (cache.pool !== pool) throw new ShapeError("Every cache of a decode batch keeps its pages in the batch's pool.");
      cache.makeRoom(1);
    }
    for (const [slot, cache] of caches.entries()) this.#updateHeads(slot, cache);
    const numbers = new Int32Array(2 * slots);
    for (const [slot, cache] of caches.entries()) {
      numbers[slot] = cache.length + 1;
      numbers[slots + slot] = tokens[slot]!;
    }
    backend.write(this.#numbers, numbers);
    this.caches = caches;
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }

  #updateHeads(slot: number, cache: SequenceCache): void {
    const known = this.#known[slot];
    if (known?.cache.deref() === cache && known.version === cache.layoutVersion) return;
    const { numLayers, numKeyValueHeads, backend } = this.options;
    const rows = numLayers * numKeyValueHeads;
    const numbers = new Int32Array(rows * headEntryNumbers);
    for (let layer = 0; layer < numLayers; layer++) {
      const { heads } = cache.layer(layer);
      for (const [head, pattern] of cache.decodePatterns(layer).patterns.entries()) {
        numbers.set(headEntry(pattern, heads[head]!), (layer * numKeyValueHeads + head) * headEntryNumbers);
      }
    }
    // A write that fails may have changed the table: it is then nobody's.
    this.#known[slot] = undefined;
    backend.write(this.heads.rows(slot * rows, (slot + 1) * rows), numbers);
    this.#known[slot] = { cache: new WeakRef(cache), version: cache.layoutVersion };
  }
}

function headEntry(pattern: BlockPattern, { firstSlot, numSlots, sinkTokens, ringTokens }: HeadStore): number[] {
  if (pattern.type === "selected") throw new ShapeError('A "selected" pattern chooses its blocks for a prompt; it cannot decode.');
  return [...patternNumbers(pattern), firstSlot, numSlots, sinkTokens, ringTokens];
}
