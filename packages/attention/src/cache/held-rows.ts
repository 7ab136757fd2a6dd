import type { Tensor } from "@elastic-attention/tensor";
import { retainedRanges, rowOf } from "./head-slots.js";
import type { HeadStore, LayerCache } from "./layer-cache.js";
import { RowSpans } from "./row-spans.js";

/** Positions that one head of a layer holds, ascending. */
export type HeldRanges = readonly (readonly [start: number, end: number])[];

/** The positions that each head of a layer holds. */
export function heldRanges(layer: LayerCache): HeldRanges[] {
  return layer.heads.map((store) => retainedRanges(store, layer.length).filter(([start, end]) => start < end));
}

/**
 * Copies what a head of a layer holds, position after position, to the rows of `target` from `firstRow` on.
 *
 * @param source the layer's keys or values
 * @param target [rows, headDim]
 */
export function copyHeldRows(layer: LayerCache, head: number, source: Tensor, target: Tensor, firstRow = 0): void {
  const spans = new RowSpans();
  let to = firstRow;
  for (const { row, count } of heldRuns(layer, head)) {
    spans.add(row, to, count);
    to += count;
  }
  spans.copy(source.backend, source, target);
}

/** What a head of a layer holds, position after position, as runs of rows that follow one another. */
export function* heldRuns(layer: LayerCache, head: number): Generator<{ readonly position: number; readonly row: number; readonly count: number }> {
  const store = layer.heads[head]!;
  for (const [start, end] of retainedRanges(store, layer.length)) {
    for (let position = start; position < end; ) {
      const count = Math.min(end - position, rowsFrom(layer, store, position));
      yield { position, row: rowOf(layer, store, position, layer.length), count };
      position += count;
    }
  }
}

/** Positions from one on that lie in consecutive rows. */
function rowsFrom({ pages, length }: LayerCache, { type, sinkTokens, ringTokens }: HeadStore, position: number): number {
  // Sink and ring are whole pages.
  if (pages !== undefined) return pages.pageTokens - (position % pages.pageTokens);
  if (type === "all") return length - position;
  return position < sinkTokens ? sinkTokens - position : ringTokens - (position % ringTokens);
}
