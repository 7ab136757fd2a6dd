import { MemoryScope, ShapeError } from "@elastic-attention/core";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { BlockPattern } from "../patterns/block-pattern.js";
import { patternNumbers } from "../patterns/pattern-numbers.js";
import type { HeadStore } from "../cache/layer-cache.js";
import type { PagePool } from "../cache/pages/page-pool.js";
import type { SequenceCache } from "../cache/sequence-cache.js";

/** Numbers of a head in the table: pattern, sink and local blocks, block size, budget in pages and parts, then its store. */
export const headEntryNumbers = 10;

/** Mirrors `PatternType::Pages` of the native kernels: a head that chooses its pages in every step. */
const pagesCode = 4;

export interface DecodeBatchOptions {
  readonly backend: Backend;
  readonly pool: PagePool;
  /** Tokens there is room for. */
  readonly slots: number;
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  /** Bytes that the backend's kernels write the plan of a step to. */
  readonly planBytes: number;
  /**
   * Tokens of one sequence that a kernel may take together, so that it reads a head's keys once for all of them; see
   * {@link tokensOfGroups}. Default 1: best for steps in which every sequence brings one. Any step is computed either way.
   */
  readonly tokensTogether?: number;
}

/** Tokens that a sequence brings to a step at most. */
export const mostStepTokens = 16;

/** Query rows, tokens times the heads of a group, that kernels take together at most. */
const mostQueryRows = 32;

/** Tokens of one sequence that kernels take together, of heads in groups of so many. */
export function tokensOfGroups(queryHeadsOfGroup: number): number {
  return Math.max(1, Math.min(mostStepTokens, Math.floor(mostQueryRows / queryHeadsOfGroup)));
}

/** What a sequence brings to a step: its last token, and a draft of those that may follow it. */
export interface StepSequence {
  /** One to {@link mostStepTokens}. */
  readonly tokens: ArrayLike<number>;
  /** Counts the tokens before these. */
  readonly cache: SequenceCache;
}

/** One token of a step: its sequence, and its position there. */
export interface StepRow {
  readonly cache: SequenceCache;
  readonly position: number;
}

/** The tokens of a step, sequence after sequence. */
export function stepRows(sequences: readonly StepSequence[]): StepRow[] {
  return sequences.flatMap(({ tokens, cache }) => Array.from(tokens, (_, index) => ({ cache, position: cache.length + index })));
}

/** Memory in which the heads of a step choose pages, by slot and head. */
export interface StepPages {
  /** Tokens of the longest sequence that there is room for. */
  readonly mostTokens: number;
  /** Sizes of the pages that have bounds in the pool. */
  readonly pageSizes: string;
  /** f32 [slots · kvHeads, pages]. */
  readonly scores: Tensor;
  /** i32 [slots · kvHeads, pages]. */
  readonly chosen: Tensor;
}

/**
 * Which tokens of which sequences a step takes, as tables at fixed places on the backend: the kernels of a step read everything
 * that changes from step to step from here, so that the step can be captured once and replayed. A slot is one token. Those of
 * one sequence follow each other, and each sees itself and what comes before it.
 */
export class DecodeBatch implements Disposable {
  /** i32 [slots]: tokens that each slot's token sees, itself included; 0 for an empty slot. */
  readonly lengths: Tensor;
  /** i32 [slots]: the tokens of this step. */
  readonly ids: Tensor;
  /** i32 [slots · layers · kvHeads, 10]: pattern and store of each head; mirrors the native `HeadEntry`. */
  readonly heads: Tensor;
  /** u8 [1, planBytes]. */
  readonly plan: Tensor;
  /** The tokens of the step, in the order of the slots. */
  rows: readonly StepRow[] = [];
  /** Undefined as long as no head of any step chooses pages. A step that was captured with another one is not valid. */
  pages: StepPages | undefined;
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
   * Sets the batch of the next step: makes room for its tokens in every cache and brings what changed to the backend.
   * @throws OutOfMemoryError, and nothing of the caches changed but the room they have; ShapeError
   */
  update(sequences: readonly StepSequence[]): void {
    const { slots, pool, backend } = this.options;
    const rows = stepRows(sequences);
    if (rows.length > slots) throw new ShapeError(`${rows.length} tokens do not fit a decode batch of ${slots}.`);
    for (const { tokens, cache } of sequences) {
      if (cache.pool !== pool) throw new ShapeError("Every cache of a decode batch keeps its pages in the batch's pool.");
      if (tokens.length > mostStepTokens) throw new ShapeError(`A sequence brings ${tokens.length} tokens to a step; ${mostStepTokens} are allowed.`);
      if (tokens.length > 1 && cache.choosesPages) throw new ShapeError("A sequence whose heads choose pages takes one token in a captured step.");
      cache.makeRoom(tokens.length);
    }
    for (const [slot, { cache }] of rows.entries()) this.#updateHeads(slot, cache);
    this.#updatePages(rows);
    const numbers = new Int32Array(2 * slots);
    for (const [slot, { position }] of rows.entries()) numbers[slot] = position + 1;
    numbers.set(sequences.flatMap(({ tokens }) => Array.from(tokens)), slots);
    backend.write(this.#numbers, numbers);
    this.rows = rows;
  }

  [Symbol.dispose](): void {
    using scope = new MemoryScope();
    scope.track(this.#scope);
    this.#freePages(scope);
  }

  /** Has every complete page bounded before the step, and makes room for the choice of the step's pages. */
  #updatePages(rows: readonly StepRow[]): void {
    const { numLayers, slots, numKeyValueHeads, backend, pool } = this.options;
    let longest = 0;
    for (const { cache, position } of rows) {
      if (!cache.choosesPages) continue;
      for (let layer = 0; layer < numLayers; layer++) cache.boundPages(layer);
      longest = Math.max(longest, position + 1);
    }
    const pageSizes = pool.boundedPageSizes.join();
    const { pages } = this;
    if (longest === 0 || (pages !== undefined && longest <= pages.mostTokens && pages.pageSizes === pageSizes)) return;
    using freed = new MemoryScope();
    this.#freePages(freed);
    // Grows seldom: a graph is captured anew then.
    const mostTokens = Math.max(pages?.mostTokens ?? 0, 4096 * 2 ** Math.ceil(Math.log2(Math.max(1, longest / 4096))));
    const shape = [slots * numKeyValueHeads, mostTokens / smallestPage];
    using scope = new MemoryScope();
    this.pages = { mostTokens, pageSizes, scores: scope.track(backend.allocate(shape, "f32")), chosen: scope.track(backend.allocate(shape, "i32")) };
    scope.move();
  }

  #freePages(scope: MemoryScope): void {
    const { pages } = this;
    this.pages = undefined;
    if (pages === undefined) return;
    scope.track(pages.scores);
    scope.track(pages.chosen);
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

/** Tokens of the smallest page that a mode may have. */
const smallestPage = 16;

function headEntry(pattern: BlockPattern, { firstSlot, numSlots, sinkTokens, ringTokens }: HeadStore): number[] {
  const store = [firstSlot, numSlots, sinkTokens, ringTokens];
  if (pattern.type !== "selected") return [...patternNumbers(pattern), 0, 0, ...store];
  const { pages, blockSize } = pattern;
  if (pages === undefined) throw new ShapeError('A "selected" pattern that does not say how it chooses cannot decode in a captured step.');
  return [pagesCode, pages.sinkBlocks, pages.localBlocks, blockSize, pages.budgetPages, pages.budgetParts, ...store];
}
