import type { PagePool } from "./page-pool.js";
import { type PageLayout, placeOf } from "./paged-head.js";

/** The pages of one head at one length of its sequence, held by reference: whoever has it owns them too. */
export interface HeadSnapshot {
  readonly layout: PageLayout;
  /** By place in the head's table; {@link noPage} where there is none. */
  readonly pages: Int32Array;
}

/** Stands for a place that no page is at. */
export const noPage = -1;

/** A head's table, and how many tokens it has seen. */
export interface HeadTable {
  readonly layout: PageLayout;
  readonly pages: readonly (number | undefined)[];
  readonly length: number;
}

/** Pages that the snapshot owns from now on, besides who had them. */
export function headSnapshot(pool: PagePool, layout: PageLayout, pages: readonly (number | undefined)[]): HeadSnapshot {
  const held = Int32Array.from(pages, (page) => page ?? noPage);
  pool.sharePages(pagesOfSnapshot({ layout, pages: held }));
  return { layout, pages: held };
}

/** The pages that there are. */
export function pagesOfSnapshot({ pages }: HeadSnapshot): Int32Array {
  return pages.filter((page) => page !== noPage);
}

/**
 * The table that a head would have in `layout` after `length` tokens, a whole number of pages, out of the one that it has now;
 * undefined where newer tokens have taken a place that it needs.
 */
export function headAt(head: HeadTable, layout: PageLayout, length: number, pageTokens: number): Omit<HeadTable, "length"> | undefined {
  const end = length / pageTokens;
  const pages: (number | undefined)[] = [];
  const firstRecent = layout.type === "all" ? 0 : Math.max(layout.sinkPages, end - layout.ringPages);
  for (let page = 0; page < end; page++) {
    if (page >= layout.sinkPages && page < firstRecent) continue;
    const held = isHeld(head, page, pageTokens) ? head.pages[placeOf(head.layout, page)] : undefined;
    if (held === undefined) return undefined;
    pages[placeOf(layout, page)] = held;
  }
  return { layout, pages: Array.from({ length: pages.length }, (_, place) => pages[place]) };
}

/** Whether a page of positions is whole where its place says. */
function isHeld({ layout, length }: HeadTable, page: number, pageTokens: number): boolean {
  if (layout.type === "all" || page < layout.sinkPages) return true;
  return page * pageTokens >= length - layout.ringPages * pageTokens;
}

/** Rows of the page at a place that hold tokens when a sequence of `length` tokens goes on: what a copy of it must have. */
export function rowsBeforeWrite(layout: PageLayout, place: number, length: number, pageTokens: number): number {
  const last = Math.floor(length / pageTokens);
  const isLast = placeOf(layout, last) === place;
  if (!isLast) return pageTokens;
  // In a ring the rows behind the newest hold the tokens of one round before.
  const before = last - layout.ringPages;
  const hasBefore = layout.type === "sink-ring" && last >= layout.sinkPages && before >= layout.sinkPages;
  return hasBefore ? pageTokens : length % pageTokens;
}
