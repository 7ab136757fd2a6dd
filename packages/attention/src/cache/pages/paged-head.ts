import type { Retention } from "../../patterns/block-pattern.js";
import type { HeadStore } from "../layer-cache.js";
import { sharedRanges } from "../shared-ranges.js";

/** Which page of a head's table a page of positions is in. Counted in pages. */
export interface PageLayout {
  readonly type: "all" | "sink-ring";
  readonly sinkPages: number;
  /** 0 for "all". */
  readonly ringPages: number;
}

/** Rows of one page that are copied to another, with their place in the page. */
export interface PageCopy {
  readonly from: number;
  /** A page, or the n-th fresh one as -1 - n. */
  readonly to: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** How a head changes its layout: most pages only change their place in the table. */
export interface PageMove {
  /** The new table: pages, fresh ones as -1 - n, undefined where nothing is kept yet. */
  readonly pages: readonly (number | undefined)[];
  readonly fresh: number;
  readonly freed: readonly number[];
  readonly copies: readonly PageCopy[];
}

/**
 * The layout for a retention: whole pages, and rings that grow so that the early queries of an append of `extraTokens + 1` still
 * find their window.
 */
export function pageLayout(retention: Retention, pageTokens: number, extraTokens: number): PageLayout {
  if (retention.type === "all") return { type: "all", sinkPages: 0, ringPages: 0 };
  const pages = (tokens: number) => Math.ceil(tokens / pageTokens);
  return { type: "sink-ring", sinkPages: pages(retention.sinkTokens), ringPages: pages(retention.ringTokens + extraTokens) };
}

/** Pages of a settled head that holds `tokens`. */
export function pagesOf({ type, sinkPages, ringPages }: PageLayout, tokens: number, pageTokens: number): number {
  const all = Math.ceil(tokens / pageTokens);
  return type === "all" ? all : Math.min(all, sinkPages + ringPages);
}

/** Place in the table of the page of positions `positionPage`. */
export function placeOf({ type, sinkPages, ringPages }: PageLayout, positionPage: number): number {
  return type === "all" || positionPage < sinkPages ? positionPage : sinkPages + (positionPage % ringPages);
}

export function sameLayout(a: PageLayout, b: PageLayout): boolean {
  return a.type === b.type && a.sinkPages === b.sinkPages && a.ringPages === b.ringPages;
}

export function pagedStore({ type, sinkPages, ringPages }: PageLayout, places: number, firstEntry: number, pageTokens: number): HeadStore {
  return {
    type,
    firstSlot: firstEntry * pageTokens,
    numSlots: (type === "all" ? places : sinkPages + ringPages) * pageTokens,
    sinkTokens: sinkPages * pageTokens,
    ringTokens: ringPages * pageTokens,
  };
}

/**
 * Moves `length` tokens from one layout to another. A page goes to the newest positions that it holds; older ones that
 * share it (a ring's slots are taken over one by one) are copied.
 */
export function movePages(
  pages: readonly (number | undefined)[],
  from: PageLayout,
  to: PageLayout,
  length: number,
  pageTokens: number,
): PageMove {
  const [source, target] = [from, to].map((layout) => pagedStore(layout, Math.ceil(length / pageTokens), 0, pageTokens));
  const result: (number | undefined)[] = [];
  const copies: PageCopy[] = [];
  const kept = new Set<number>();
  let fresh = 0;
  const ranges = sharedRanges(source!, target!, length).filter(([start, end]) => start < end);
  for (let page = Math.ceil(length / pageTokens) - 1; page >= 0; page--) {
    for (const [start, end] of ranges) {
      const first = Math.max(start, page * pageTokens);
      const last = Math.min(end, (page + 1) * pageTokens);
      if (first >= last) continue;
      const old = pages[placeOf(from, page)]!;
      const place = placeOf(to, page);
      const there = result[place];
      if (there === undefined && !kept.has(old)) {
        kept.add(old);
        result[place] = old;
      } else if (there !== old) {
        const destination = there ?? (result[place] = -1 - fresh++);
        copies.push({ from: old, to: destination, firstRow: first % pageTokens, rows: last - first });
      }
    }
  }
  const freed = pages.filter((page): page is number => page !== undefined && !kept.has(page));
  return { pages: Array.from({ length: result.length }, (_, place) => result[place]), fresh, freed, copies };
}
