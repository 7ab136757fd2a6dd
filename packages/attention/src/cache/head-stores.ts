import type { Retention } from "../patterns/block-pattern.js";
import type { HeadStore } from "./layer-cache.js";

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

/** Rows that the key and value tensors of these stores have. */
export function numSlots(heads: readonly HeadStore[]): number {
  return heads.reduce((sum, store) => sum + store.numSlots, 0);
}

/** Rows a settled layer takes for a prompt of `tokens` with `reserveTokens` to come, by each head's retention. */
export function predictSlots(retentions: readonly Retention[], tokens: number, reserveTokens: number): number {
  return numSlots(headStores(retentions, tokens + reserveTokens, 0));
}
