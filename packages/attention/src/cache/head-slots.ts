import { ShapeError } from "@elastic-attention/core";
import type { HeadStore, LayerCache } from "./layer-cache.js";

/**
 * Row of a layer's key and value tensors that holds a position of one head when `length` tokens were seen.
 * @throws ShapeError as {@link slotOf}
 */
export function rowOf({ pages }: LayerCache, store: HeadStore, position: number, length: number): number {
  const slot = slotOf(store, position, length);
  if (pages === undefined) return slot;
  return pages.host[Math.floor(slot / pages.pageTokens)]! * pages.pageTokens + (slot % pages.pageTokens);
}

/**
 * Slot that holds a position of one head; with a page table, {@link rowOf} says where it lies.
 * @throws ShapeError when a ring has already overwritten it: the pattern asks for more than the cache kept.
 */
export function slotOf(store: HeadStore, position: number, length: number): number {
  if (store.type === "all" || position < store.sinkTokens) return store.firstSlot + position;
  if (position < length - store.ringTokens) {
    throw new ShapeError(
      `Position ${position} of ${length} is no longer in a ring of ${store.ringTokens} tokens.`,
      "Use the pattern that the head was routed to at prefill, or decode: \"full\".",
    );
  }
  return store.firstSlot + store.sinkTokens + (position % store.ringTokens);
}

/**
 * Pieces in consecutive slots of a range of positions [start, end): pairs of first slot and count, in order of position.
 * All positions must be retained.
 */
export function slotSpans(store: HeadStore, start: number, end: number): { position: number; slot: number; count: number }[] {
  if (start >= end) return [];
  if (store.type === "all") return [{ position: start, slot: store.firstSlot + start, count: end - start }];
  const spans = [];
  let position = start;
  while (position < end) {
    const inSink = position < store.sinkTokens;
    const offset = inSink ? position : position % store.ringTokens;
    const room = inSink ? store.sinkTokens - position : store.ringTokens - offset;
    const count = Math.min(room, end - position);
    spans.push({ position, slot: store.firstSlot + (inSink ? 0 : store.sinkTokens) + offset, count });
    position += count;
  }
  return spans;
}

/** Ranges of positions that a head still holds when `length` tokens were seen. */
export function retainedRanges(store: HeadStore, length: number): (readonly [number, number])[] {
  if (store.type === "all" || length <= store.sinkTokens + store.ringTokens) return [[0, length]];
  return [
    [0, store.sinkTokens],
    [length - store.ringTokens, length],
  ];
}
