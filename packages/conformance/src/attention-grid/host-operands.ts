import { type GridCase, keyValueHeads } from "./grid-case.js";
import type { GridOperands } from "./grid-operands.js";
import type { HeadInputs } from "./float64-attention.js";

/** Products that the float64 oracle may cost: more go to the backend's float32 kernels. */
export const mostExactProducts = 3e8;

/** Multiplications of one product of queries and keys over all heads, at most. */
export function productsOf(shape: GridCase): number {
  const pairs = shape.lengths.reduce((sum, [queries, keys]) => sum + queries * (keys - (queries - 1) / 2), 0);
  return pairs * keyValueHeads(shape) * shape.group * shape.headDim;
}

/** The columns of one head out of rows of heads side by side. */
export function headRows(rows: Float32Array, heads: number, head: number, headDim: number): Float32Array {
  const count = rows.length / (heads * headDim);
  const result = new Float32Array(count * headDim);
  for (let row = 0; row < count; row++) {
    const at = (row * heads + head) * headDim;
    result.set(rows.subarray(at, at + headDim), row * headDim);
  }
  return result;
}

/** Visits every query head of every sequence with what it reads, in host memory. */
export function forEachHead(
  shape: GridCase,
  { query, sequences, masks, scores }: GridOperands,
  visit: (inputs: HeadInputs, place: { readonly sequence: number; readonly head: number; readonly keyValueHead: number }) => void,
): void {
  const { headDim, group } = shape;
  const heads = keyValueHeads(shape) * group;
  const sinks = scores.sinkLogits?.toFloat32();
  for (const [index, { start, length, cache }] of sequences.entries()) {
    const queries = query.rows(start, start + length).toFloat32();
    const [keys, values] = [cache.keys.toFloat32(), cache.values.toFloat32()];
    const blocks = masks[index]!.length / heads;
    for (let head = 0; head < heads; head++) {
      const keyValueHead = Math.floor(head / group);
      const first = cache.heads[keyValueHead]!.firstSlot * headDim;
      const rows = (tensor: Float32Array): Float32Array => tensor.subarray(first, first + cache.length * headDim);
      visit(
        {
          headDim,
          query: headRows(queries, heads, head, headDim),
          keys: rows(keys),
          values: rows(values),
          pattern: shape.patterns[index]![keyValueHead]!,
          mask: masks[index]!.subarray(head * blocks, (head + 1) * blocks),
          scale: scores.scale,
          softCap: scores.softCap,
          sinkLogit: sinks?.[head] ?? -Infinity,
        },
        { sequence: index, head, keyValueHead },
      );
    }
  }
}
