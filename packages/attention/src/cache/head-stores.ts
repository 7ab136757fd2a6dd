import type { Retention } from "../patterns/block-pattern.js";
import type { HeadStore } from "./layer-cache.js";
import { pageLayout, pagesOf } from "./pages/paged-head.js";

/**
 * Lays the heads of a layer out one after another.
 *
 * @param capacity positions that a head which retains everything must have room for.
 * @param extraTokens tokens of one append beyond the first: a ring grows by that much, in whole rings (which keeps
 *   every block contiguous), so that the append's early queries still find their window.
 */
export function headStores(retentions: readonly Retention[], capacity: number, extraTokens: number): HeadStore[] {
  let firstSlot = 0;
  return retentions.map((retention) => {
    const store = headStore(retention, capacity, extraTokens, firstSlot);
    firstSlot += store.numSlots;
    return store;
  });
}

function headStore(retention: Retention, capacity: number, extraTokens: number, firstSlot: number): HeadStore {
  if (retention.type === "sink-ring") {
    const { sinkTokens } = retention;
    const ringTokens = retention.ringTokens * Math.ceil((retention.ringTokens + extraTokens) / retention.ringTokens);
    return { type: "sink-ring", firstSlot, numSlots: sinkTokens + ringTokens, sinkTokens, ringTokens };
  }
  return { type: "all", firstSlot, numSlots: capacity, sinkTokens: 0, ringTokens: 0 };
}

/** The retention of a head that has dropped nothing yet: it keeps everything as long as a ring would take no less. */
export function worthwhileRetention(retention: Retention, capacity: number, extraTokens: number): Retention {
  return headStore(retention, capacity, extraTokens, 0).numSlots < capacity ? retention : { type: "all" };
}

/** Rows that the key and value tensors of these stores have. */
export function numSlots(heads: readonly HeadStore[]): number {
  return heads.reduce((sum, store) => sum + store.numSlots, 0);
}

/**
 * Rows a settled layer takes for a prompt of `tokens` with `reserveTokens` to come, by each head's retention.
 *
 * @param pageTokens of a cache in pages, each of which is taken whole
 */
export function predictSlots(retentions: readonly Retention[], tokens: number, reserveTokens: number, pageTokens?: number): number {
  const room = tokens + reserveTokens;
  if (pageTokens === undefined) return numSlots(headStores(retentions.map((each) => worthwhileRetention(each, room, 0)), room, 0));
  const pages = retentions.map((retention) => pagesOf(pageLayout(retention, pageTokens, 0), room, pageTokens));
  return pages.reduce((sum, count) => sum + count, 0) * pageTokens;
}
