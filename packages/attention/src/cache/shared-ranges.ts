import type { HeadStore } from "./layer-cache.js";

/** Position ranges that two stores can both hold after `length` tokens: of the sink, and of the most recent tokens. */
export function sharedRanges(from: HeadStore, to: HeadStore, length: number): [number, number][] {
  const sink = Math.min(...[from, to].map((store) => (store.type === "all" ? length : store.sinkTokens)), length);
  const recent = Math.max(sink, ...[from, to].map((store) => (store.type === "all" ? 0 : length - store.ringTokens)));
  return [
    [0, sink],
    [recent, length],
  ];
}
