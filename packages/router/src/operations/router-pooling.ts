import { ShapeError } from "@elastic-attention/core";
import { readFloats, type Tensor } from "@elastic-attention/tensor";

/**
 * Which key states a router averages: the first and last `tokens` of a sequence, all of it, or rows named for each
 * sequence (training pools the user's turn only): ranges [start, end) counted like the offsets of the call.
 */
export type RouterPooling =
  | { readonly kind: "boundary"; readonly tokens: number }
  | { readonly kind: "mean" }
  | { readonly kind: "ranges"; readonly ranges: readonly (readonly (readonly [start: number, end: number])[])[] };

/**
 * Row ranges that are averaged for sequence number `sequence`, rows `start` to `end`, each row counted as often as it
 * appears: below 200 tokens the first and last 100 overlap and count twice, as in the published code.
 * @throws ShapeError for ranges outside the sequence, and for none
 */
export function pooledRanges(
  pooling: RouterPooling,
  start: number,
  end: number,
  sequence = 0,
): readonly (readonly [start: number, end: number])[] {
  if (end <= start) throw new ShapeError(`Router pooling: sequence ${sequence} is empty.`);
  if (pooling.kind === "mean") return [[start, end]];
  if (pooling.kind === "boundary") {
    return [
      [start, Math.min(end, start + pooling.tokens)],
      [Math.max(start, end - pooling.tokens), end],
    ];
  }
  const ranges = (pooling.ranges[sequence] ?? []).filter(([first, last]) => first !== last);
  const outside = ranges.find(([first, last]) => !(first >= start && first < last && last <= end));
  if (outside !== undefined) {
    throw new ShapeError(`Router pooling: rows ${outside[0]} to ${outside[1]} leave sequence ${sequence} (${start} to ${end}).`);
  }
  if (ranges.length === 0) throw new ShapeError(`Router pooling: sequence ${sequence} has no rows to average.`);
  return ranges;
}

/** Mean of the key rows in the ranges, [kvHeads · headDim], for the reference kernels. */
export function poolKeys(keys: Tensor, ranges: readonly (readonly [number, number])[]): Float64Array {
  const width = keys.rowLength;
  const sum = new Float64Array(width);
  for (const [start, end] of ranges) {
    const rows = readFloats(keys.rows(start, end));
    for (let i = 0; i < rows.length; i++) sum[i % width]! += rows[i]!;
  }
  const count = countRows(ranges);
  return sum.map((value) => value / count);
}

/** Rows in the ranges, each as often as it appears. */
export function countRows(ranges: readonly (readonly [number, number])[]): number {
  return ranges.reduce((count, [start, end]) => count + end - start, 0);
}
