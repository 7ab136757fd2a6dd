import type { AttentionMode } from "../modes/attention-mode.js";
import { type HeadSnapshot, pagesOfSnapshot } from "./pages/head-snapshot.js";
import type { PagePool } from "./pages/page-pool.js";

/** One layer of a {@link CacheSnapshot}. */
export interface LayerSnapshot {
  /** One for each key-value head. */
  readonly heads: readonly HeadSnapshot[];
  /** What the heads were routed to; undefined where nothing was decided. */
  readonly modes: readonly AttentionMode[] | undefined;
}

/**
 * Keys and values of a sequence as they were at one length: its pages by reference, so that any number of sequences can go on
 * from there (`SequenceCache.resume`). It outlives the cache that it was taken of.
 */
export class CacheSnapshot implements Disposable {
  #disposed = false;

  /** Owns the pages from now on. */
  constructor(
    readonly pool: PagePool,
    /** Tokens in every layer. */
    readonly length: number,
    readonly layers: readonly LayerSnapshot[],
  ) {}

  /** Whether every head holds every token: then a sequence can go on from any shorter length too. */
  get isWhole(): boolean {
    return this.layers.every(({ heads }) => heads.every(({ layout }) => layout.type === "all"));
  }

  /** Its pages, those of all layers and heads. */
  *pages(): Generator<Int32Array> {
    for (const { heads } of this.layers) for (const head of heads) yield pagesOfSnapshot(head);
  }

  /** Bytes of its pages, shared ones among them. */
  get byteLength(): number {
    let count = 0;
    for (const pages of this.pages()) count += pages.length;
    return count * this.pool.pageBytes;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    freeSnapshots(this.pool, this.layers.map(({ heads }) => heads));
  }
}

/** What a sequence goes on from. */
export interface ResumeOptions {
  readonly snapshot: CacheSnapshot;
  /** Default all of the snapshot; fewer tokens only where it `isWhole`. */
  readonly length?: number;
  /** Whether the modes that were decided for the snapshot hold; else a router decides anew. Default true. */
  readonly keepModes?: boolean;
}

/** Gives pages back at once: with the last one the pool lets its memory go, which may fail. */
export function freeSnapshots(pool: PagePool, layers: readonly (readonly HeadSnapshot[])[]): void {
  const pages: number[] = [];
  for (const heads of layers) for (const head of heads) for (const page of pagesOfSnapshot(head)) pages.push(page);
  pool.freePages(pages);
}
