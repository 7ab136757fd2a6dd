import { MemoryScope, OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import { type Backend, type FloatDType, type GrowableTensor, growableTensor, type Tensor } from "@elastic-attention/tensor";
import { FreePages } from "./free-pages.js";
import { slotBytes } from "../key-value-bytes.js";
import type { PageTable } from "../layer-cache.js";
import { cacheRow, type CacheType } from "../rounded/cache-type.js";
import type { PageBounds } from "../bounds/page-bounds.js";
import { PageReferences } from "./page-references.js";
import { PageSpans } from "./page-spans.js";

/** Tokens of a page: the kernels' tiles never cross one. */
export const defaultPageTokens = 128;

export interface PagePoolOptions {
  readonly backend: Backend;
  readonly headDim: number;
  readonly dtype: FloatDType;
  /** What rows are kept in; undefined: `dtype`. */
  readonly cacheType?: CacheType | undefined;
  /** Tokens of one head that a page holds: 128 times a power of two. Default 128. */
  readonly pageTokens?: number;
  /** Pages there can be at most; default what fills the device's memory. */
  readonly maximumPages?: number;
}

/** How much of a pool is in use. */
export interface PagePoolReport {
  readonly pagesInUse: number;
  /** Pages there is memory for; it is given back when none is in use. */
  readonly pagesAllocated: number;
  /** Bytes of the pages in use; one that several sequences share counts once. */
  readonly bytesInUse: number;
}

/**
 * Memory of all sequences' keys and values on one backend, in pages of a fixed number of tokens of one head: sequences
 * grow without copying, and what one gives back any other can take. The pool also holds every head's page table.
 */
export class PagePool implements PageTable, Disposable {
  readonly pageTokens: number;
  readonly #maximumPages: number;
  readonly #spans = new PageSpans();
  readonly #free = new FreePages();
  readonly #references = new PageReferences();
  /** By tokens of the pages that are bounded. */
  readonly #bounds = new Map<number, GrowableTensor>();
  #pagesInUse = 0;
  #pagesAllocated = 0;
  #memory: { readonly keys: GrowableTensor; readonly values: GrowableTensor; readonly entries: GrowableTensor } | undefined;

  constructor(readonly options: PagePoolOptions) {
    const { backend, pageTokens = defaultPageTokens } = options;
    if (!Number.isInteger(Math.log2(pageTokens / defaultPageTokens)) || pageTokens < defaultPageTokens) {
      throw new ShapeError(`pageTokens must be ${defaultPageTokens} times a power of two, found ${pageTokens}.`);
    }
    this.pageTokens = pageTokens;
    const fitting = Math.max(1, Math.floor(backend.device.memoryBytes / this.pageBytes));
    // Rows are counted in 32 bits by kernels.
    this.#maximumPages = Math.min(options.maximumPages ?? fitting, Math.floor((2 ** 31 - 1) / pageTokens));
  }

  /** Bytes of a page, keys and values. */
  get pageBytes(): number {
    return this.pageTokens * slotBytes(this.options);
  }

  /** [rows, headDim], or bytes as `cacheRow` says: page p is rows p · pageTokens to (p + 1) · pageTokens. Changes when the pool grows. */
  get keys(): Tensor {
    return this.#rows(this.#open().keys);
  }

  get values(): Tensor {
    return this.#rows(this.#open().values);
  }

  get entries(): Tensor {
    return this.#open().entries.tensor;
  }

  get host(): Int32Array {
    return this.#spans.entries;
  }

  /** Bounds of the keys of pages of so many tokens, beside the pool's pages; memory is taken the first time. @throws OutOfMemoryError */
  bounds(pageTokens: number): PageBounds {
    const { backend, headDim, dtype } = this.options;
    const perPage = this.pageTokens / pageTokens;
    let tensor = this.#bounds.get(pageTokens);
    if (tensor === undefined) {
      tensor = growableTensor(backend, this.#maximumPages * perPage, 2 * headDim, dtype);
      this.#bounds.set(pageTokens, tensor);
    }
    tensor.grow(this.#pagesAllocated * perPage);
    return { pageTokens, rows: tensor.tensor.rows(0, this.#pagesAllocated * perPage) };
  }

  /** Sizes of pages that bounds have been asked for. */
  get boundedPageSizes(): readonly number[] {
    return [...this.#bounds.keys()];
  }

  report(): PagePoolReport {
    return {
      pagesInUse: this.#pagesInUse,
      pagesAllocated: this.#pagesAllocated,
      bytesInUse: this.#pagesInUse * this.pageBytes,
    };
  }

  /** Pages for someone who gives them back with {@link freePages}. @throws OutOfMemoryError, and none is taken then */
  takePages(count: number): Int32Array {
    if (count > this.#free.length) this.#growPages(this.#pagesInUse + count);
    this.#pagesInUse += count;
    const pages = this.#free.take(count);
    this.#references.begin(pages);
    return pages;
  }

  /** One more owner of pages that are taken; each owner gives them back with {@link freePages} and writes to none that it shares. */
  sharePages(pages: ArrayLike<number>): void {
    this.#references.add(pages);
  }

  /** Owners of a page. */
  owners(page: number): number {
    return this.#references.count(page);
  }

  /** One owner less; what nobody owns any more can be taken again. */
  freePages(pages: ArrayLike<number>): void {
    const free = this.#references.remove(pages);
    this.#free.give(free);
    this.#pagesInUse -= free.length;
    this.#releaseWhenEmpty();
  }

  /** A place for `count` entries of page tables, one after another; its first entry. @throws OutOfMemoryError */
  takeSpan(count: number): number {
    const first = this.#spans.take(count);
    try {
      const { entries } = this.#open();
      if (entries.tensor.numRows < this.#spans.entries.length) {
        entries.grow(this.#spans.entries.length);
        if (!entries.keepsAddress) this.#spans.changeAll();
      }
    } catch (error) {
      this.#spans.give(first, count);
      throw error;
    }
    return first;
  }

  freeSpan(first: number, count: number): void {
    this.#spans.give(first, count);
    this.#releaseWhenEmpty();
  }

  /** Entry `at` of the page tables; the backend sees it after {@link flush}. */
  setEntry(at: number, page: number): void {
    this.#spans.set(at, page);
  }

  /** Brings changed entries to the backend, in its order of work. After a failure the next call brings all of them. */
  flush(): void {
    try {
      for (const [start, end] of this.#spans.changes()) {
        this.options.backend.write(this.entries.rows(start, end), this.#spans.entries.subarray(start, end));
      }
    } catch (error) {
      this.#spans.changeAll();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    const memory = this.#memory;
    this.#memory = undefined;
    this.#free.clear();
    this.#pagesInUse = this.#pagesAllocated = 0;
    const scope = new MemoryScope();
    if (memory !== undefined) for (const tensor of Object.values(memory)) scope.track(tensor);
    for (const tensor of this.#bounds.values()) scope.track(tensor);
    this.#bounds.clear();
    scope.dispose();
  }

  /** The rows that there are pages of: one of both may have grown where there was no memory for the other. */
  #rows({ tensor }: GrowableTensor): Tensor {
    return tensor.rows(0, this.#pagesAllocated * this.pageTokens);
  }

  #open() {
    if (this.#memory !== undefined) return this.#memory;
    const { backend } = this.options;
    const { dtype, columns } = cacheRow(this.options);
    const made: GrowableTensor[] = [];
    const make = (...shape: Parameters<typeof growableTensor> extends [Backend, ...infer Rest] ? Rest : never) => {
      const tensor = growableTensor(backend, ...shape);
      made.push(tensor);
      return tensor;
    };
    try {
      const rows = this.#maximumPages * this.pageTokens;
      this.#memory = {
        keys: make(rows, columns, dtype),
        values: make(rows, columns, dtype),
        entries: make(Math.floor(2 ** 31 / this.pageTokens), 1, "i32"),
      };
      return this.#memory;
    } catch (error) {
      for (const tensor of made) tensor[Symbol.dispose]();
      throw error;
    }
  }

  /** Memory for so many pages at least; a little more where there is room, so that growing is rare. */
  #growPages(needed: number): void {
    const { backend } = this.options;
    if (needed > this.#maximumPages) {
      throw new OutOfMemoryError(backend.name, needed * this.pageBytes, this.#pagesInUse * this.pageBytes, this.#maximumPages * this.pageBytes);
    }
    const { keys, values } = this.#open();
    const spare = keys.keepsAddress ? Math.max(256, needed >> 4) : needed >> 1;
    const grow = (pages: number) => {
      keys.grow(pages * this.pageTokens);
      values.grow(pages * this.pageTokens);
    };
    let pages = Math.min(needed + (this.#pagesAllocated === 0 && !keys.keepsAddress ? 0 : spare), this.#maximumPages);
    try {
      grow(pages);
    } catch (error) {
      if (!(OutOfMemoryError.isInstance(error)) || pages === needed) {
        this.#releaseWhenEmpty();
        throw error;
      }
      pages = needed;
      try {
        grow(pages);
      } catch (second) {
        this.#releaseWhenEmpty();
        throw second;
      }
    }
    this.#free.addBelow(this.#pagesAllocated, pages);
    this.#pagesAllocated = pages;
  }

  /** Addresses stay, where the backend keeps them: graphs may have been captured. */
  #releaseWhenEmpty(): void {
    if (this.#pagesInUse > 0 || !this.#spans.isEmpty) return;
    // First, as clearing may fail: no page may be taken whose memory is gone.
    this.#free.clear();
    this.#pagesAllocated = 0;
    const scope = new MemoryScope();
    for (const tensor of [...Object.values(this.#memory ?? {}), ...this.#bounds.values()]) scope.track({ [Symbol.dispose]: () => tensor.clear() });
    scope.dispose();
  }
}
