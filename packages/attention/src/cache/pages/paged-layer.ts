import { copySpans, dtypeByteSize, type Tensor } from "@elastic-attention/tensor";
import type { KeptTokens } from "../keep-chosen.js";
import { RowSpans } from "../row-spans.js";
import type { Retention } from "../../patterns/block-pattern.js";
import type { HeadStore, PageTable } from "../layer-cache.js";
import type { LayerStorage } from "../layer-storage.js";
import type { CacheType } from "../rounded/cache-type.js";
import type { PageBounds } from "../bounds/page-bounds.js";
import type { PagePool } from "./page-pool.js";
import { headAt, type HeadSnapshot, headSnapshot, noPage, rowsBeforeWrite } from "./head-snapshot.js";
import { movePages, pagedStore, type PageLayout, pageLayout, placeOf, sameLayout } from "./paged-head.js";
import { spanSize } from "./page-spans.js";

/** One head's table: pages by place, undefined where there is none yet. */
interface PagedHead {
  readonly layout: PageLayout;
  readonly pages: readonly (number | undefined)[];
  /** Its entries in the pool's page tables; `spanPlaces` is 0 while it has none. */
  readonly firstEntry: number;
  readonly spanPlaces: number;
}

/** Places that a head's store speaks of, also those that no page is at yet: all of them lie in its span. */
function placesOf({ type, sinkPages, ringPages }: PageLayout): number {
  return type === "all" ? 0 : sinkPages + ringPages;
}

/** Pages of a pool: growing takes pages, dropping gives them back, and both change the page table only. */
export class PagedLayer implements LayerStorage {
  length = 0;
  heads!: readonly HeadStore[];
  boundedTokens = 0;
  #boundPageTokens: number | undefined;
  /** Counts the times that a head's place in the page tables, or its layout, changed. */
  version = 0;
  #heads: readonly PagedHead[];

  constructor(
    private readonly pool: PagePool,
    readonly numKeyValueHeads: number,
    readonly headDim: number,
  ) {
    const layout: PageLayout = { type: "all", sinkPages: 0, ringPages: 0 };
    this.#heads = Array.from({ length: numKeyValueHeads }, () => ({ layout, pages: [], firstEntry: 0, spanPlaces: 0 }));
    this.#updateStores();
  }

  /** A layer that begins with the first `length` tokens of a snapshot, whose pages it shares. */
  static resume(pool: PagePool, headDim: number, heads: readonly HeadSnapshot[], length: number): PagedLayer {
    const tables = heads.map(({ layout, pages }) => {
      const held = Array.from(layout.type === "all" ? pages.subarray(0, Math.ceil(length / pool.pageTokens)) : pages);
      return { layout, pages: held.map((page) => (page === noPage ? undefined : page)) };
    });
    return PagedLayer.#sharing(pool, headDim, tables, length);
  }

  /** A layer that owns these pages too. Its tables come with its first tokens. */
  static #sharing(pool: PagePool, headDim: number, heads: readonly Pick<PagedHead, "layout" | "pages">[], length: number): PagedLayer {
    const layer = new PagedLayer(pool, heads.length, headDim);
    layer.length = length;
    layer.#heads = heads.map(({ layout, pages }) => ({ layout, pages, firstEntry: 0, spanPlaces: 0 }));
    for (const { pages } of heads) pool.sharePages(pages.filter((page) => page !== undefined));
    layer.#updateStores();
    return layer;
  }

  /** What the heads hold now. The caller owns the snapshots' pages too. */
  snapshot(): HeadSnapshot[] {
    return this.#heads.map(({ layout, pages }) => headSnapshot(this.pool, layout, pages));
  }

  /**
   * What the heads would hold had the sequence been settled at `length`, a whole number of pages; undefined where some of it
   * is gone. The caller owns the snapshots' pages too.
   */
  snapshotAt(length: number, retentions: readonly Retention[]): HeadSnapshot[] | undefined {
    const { pageTokens } = this.pool;
    const heads = this.#heads.map(({ layout, pages }, head) => {
      return headAt({ layout, pages, length: this.length }, pageLayout(retentions[head]!, pageTokens, 0), length, pageTokens);
    });
    if (!heads.every((head) => head !== undefined)) return undefined;
    return heads.map(({ layout, pages }) => headSnapshot(this.pool, layout, pages));
  }

  get keys(): Tensor {
    return this.pool.keys;
  }

  get values(): Tensor {
    return this.pool.values;
  }

  get pages(): PageTable {
    return this.pool;
  }

  get cacheType(): CacheType | undefined {
    return this.pool.options.cacheType;
  }

  get bounds(): PageBounds | undefined {
    return this.#boundPageTokens === undefined ? undefined : this.pool.bounds(this.#boundPageTokens);
  }

  openBounds(pageTokens: number): PageBounds {
    if (this.#boundPageTokens !== pageTokens) this.boundedTokens = 0;
    const bounds = this.pool.bounds(pageTokens);
    this.#boundPageTokens = pageTokens;
    return bounds;
  }

  /** Bytes of the bounds beside one page of the pool. */
  get #boundBytes(): number {
    const { headDim, dtype } = this.pool.options;
    return this.#boundPageTokens === undefined ? 0 : (this.pool.pageTokens / this.#boundPageTokens) * 2 * headDim * dtypeByteSize(dtype);
  }

  get byteLength(): number {
    return this.#heads.reduce((sum, { pages }) => sum + pages.filter((page) => page !== undefined).length, 0) * (this.pool.pageBytes + this.#boundBytes);
  }

  makeRoom(retentions: readonly Retention[], tokens: number): void {
    const { pageTokens } = this.pool;
    const layouts = this.#heads.map(({ layout }, head) => {
      const wanted = pageLayout(retentions[head]!, pageTokens, Math.max(0, tokens - 1));
      // A ring that an earlier append made larger serves, and shrinks when the layer settles.
      return layout.type === wanted.type && layout.sinkPages === wanted.sinkPages && layout.ringPages >= wanted.ringPages ? layout : wanted;
    });
    this.#relayout(layouts);
    const [first, end] = [Math.floor(this.length / pageTokens), Math.ceil((this.length + tokens) / pageTokens)];
    const missing = this.#heads.map(({ layout, pages }) => {
      const places = new Set<number>();
      for (let page = first; page < end; page++) places.add(placeOf(layout, page));
      // What others read too is not written to.
      return [...places].filter((place) => pages[place] === undefined || this.pool.owners(pages[place]) > 1);
    });
    const count = missing.reduce((sum, places) => sum + places.length, 0);
    if (count === 0 && this.#heads.every(({ spanPlaces }) => spanPlaces > 0)) return;
    const taken = this.pool.takePages(count);
    let next = 0;
    const spans: number[] = [];
    const shared: number[] = [];
    const heads = this.#heads.map((head, index) => {
      const pages = head.pages.slice();
      for (const place of missing[index]!) {
        while (pages.length < place) pages.push(undefined);
        const page = taken[next++]!;
        const old = pages[place];
        if (old !== undefined) {
          const rows = rowsBeforeWrite(head.layout, place, this.length, pageTokens);
          if (rows > 0) spans.push(old * pageTokens, page * pageTokens, rows);
          shared.push(old);
        }
        pages[place] = page;
      }
      return { ...head, pages };
    });
    this.#install(heads, () => this.pool.freePages(taken), () => this.#copyRows(spans));
    this.pool.freePages(shared);
    // A copied page has no bounds yet.
    if (shared.length > 0) this.boundedTokens = Math.min(this.boundedTokens, first * pageTokens);
  }

  keepTokens(kept: readonly (KeptTokens | undefined)[]): void {
    const { pageTokens, options } = this.pool;
    const places = kept.map((tokens) => (tokens === undefined ? 0 : Math.ceil((tokens.first + tokens.positions.length) / pageTokens)));
    const taken = this.pool.takePages(places.reduce((sum, count) => sum + count, 0));
    const [spans, freed] = [new RowSpans(), [] as number[]];
    let next = 0;
    const heads = this.#heads.map((head, index) => {
      const pages = head.pages.slice();
      const { first = 0, positions = new Int32Array(0) } = kept[index] ?? {};
      for (let place = 0; place < places[index]!; place++) {
        const page = taken[next++]!;
        for (let row = 0; row < pageTokens && place * pageTokens + row < this.length; row++) {
          const slot = place * pageTokens + row;
          const position = positions[slot - first] ?? slot;
          spans.add(head.pages[Math.floor(position / pageTokens)]! * pageTokens + (position % pageTokens), page * pageTokens + row);
        }
        freed.push(head.pages[place]!);
        pages[place] = page;
      }
      return { ...head, pages };
    });
    this.#install(heads, () => this.pool.freePages(taken), () => {
      for (const tensor of [this.keys, this.values]) spans.copy(options.backend, tensor, tensor);
    });
    this.pool.freePages(freed);
  }

  settle(retentions: readonly Retention[]): void {
    this.#relayout(retentions.map((retention) => pageLayout(retention, this.pool.pageTokens, 0)));
  }

  /** Shares every page; whoever writes to one first copies it. */
  fork(): PagedLayer {
    return PagedLayer.#sharing(this.pool, this.headDim, this.#heads, this.length);
  }

  dispose(): void {
    const heads = this.#heads;
    this.#heads = [];
    // Spans first, then all pages at once: with the last one the pool lets its memory go, which may fail.
    for (const { firstEntry, spanPlaces } of heads) if (spanPlaces > 0) this.pool.freeSpan(firstEntry, spanPlaces);
    this.pool.freePages(heads.flatMap(({ pages }) => pages.filter((page) => page !== undefined)));
  }

  #relayout(layouts: readonly PageLayout[]): void {
    if (this.#heads.every(({ layout }, head) => sameLayout(layout, layouts[head]!))) return;
    const { pageTokens } = this.pool;
    const moves = this.#heads.map(({ layout, pages }, head) => movePages(pages, layout, layouts[head]!, this.length, pageTokens));
    const fresh = this.pool.takePages(moves.reduce((sum, move) => sum + move.fresh, 0));
    let used = 0;
    const spans: number[] = [];
    const heads = this.#heads.map((head, index) => {
      const move = moves[index]!;
      const known = (page: number) => (page < 0 ? fresh[used - 1 - page]! : page);
      const pages = move.pages.map((page) => (page === undefined ? undefined : known(page)));
      for (const { from, to, firstRow, rows } of move.copies) {
        spans.push(from * pageTokens + firstRow, known(to) * pageTokens + firstRow, rows);
      }
      used += move.fresh;
      return { ...head, layout: layouts[index]!, pages };
    });
    this.#install(heads, () => this.pool.freePages(fresh), () => this.#copyRows(spans));
    this.pool.freePages(moves.flatMap((move) => move.freed));
  }

  /** Triples of source row, destination row and rows, within the pool. */
  #copyRows(spans: readonly number[]): void {
    if (spans.length === 0) return;
    const { kernels } = this.pool.options.backend;
    for (const tensor of [this.keys, this.values]) {
      kernels.run(copySpans, { source: tensor, destination: tensor, spans: Int32Array.from(spans) });
    }
  }

  /** Takes new tables over: larger spans where they need them, `work` on the rows, entries. On failure all is as before. */
  #install(heads: readonly PagedHead[], undo: () => void, work: () => void = () => {}): void {
    const spans: { readonly first: number; readonly places: number }[] = [];
    const before = this.#heads;
    let placed: PagedHead[];
    try {
      placed = heads.map((head) => {
        const wanted = Math.max(head.pages.length, placesOf(head.layout));
        if (wanted <= spanSize(head.spanPlaces) && head.spanPlaces > 0) return head;
        const places = spanSize(wanted);
        const first = this.pool.takeSpan(places);
        spans.push({ first, places });
        return { ...head, firstEntry: first, spanPlaces: places };
      });
      work();
    } catch (error) {
      for (const { first, places } of spans) this.pool.freeSpan(first, places);
      undo();
      throw error;
    }
    for (const [index, head] of placed.entries()) {
      const old = before[index]!;
      const moved = head.firstEntry !== old.firstEntry || head.spanPlaces !== old.spanPlaces;
      for (let place = 0; place < head.pages.length; place++) {
        const page = head.pages[place];
        if (page !== undefined && (moved || old.pages[place] !== page)) this.pool.setEntry(head.firstEntry + place, page);
      }
      if (moved && old.spanPlaces > 0) this.pool.freeSpan(old.firstEntry, old.spanPlaces);
      if (moved || !sameLayout(old.layout, head.layout)) this.version += 1;
    }
    this.#heads = placed;
    this.#updateStores();
    this.pool.flush();
  }

  #updateStores(): void {
    this.heads = this.#heads.map(({ layout, pages, firstEntry }) => pagedStore(layout, pages.length, firstEntry, this.pool.pageTokens));
  }
}
