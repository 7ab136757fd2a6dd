import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { referenceArray } from "../../reference/reference-backend.js";
import type { Tensor } from "../../tensor.js";

export interface CopySpansCall {
  /** [rows, …]. */
  readonly source: Tensor;
  /** [rows, …], same dtype and row length; another storage than `source`. */
  readonly destination: Tensor;
  /** Triples (first source row, first destination row, number of rows). */
  readonly spans: Int32Array;
}

/** Copies ranges of rows: how caches grow and how streaming heads drop what they will not read again. */
export const copySpans = defineOperation<CopySpansCall>("copySpans", ({ source, destination, spans }) => {
  if (source.dtype !== destination.dtype || source.rowLength !== destination.rowLength) {
    throw new ShapeError("copySpans: source and destination differ in dtype or row length.");
  }
  if (spans.length % 3 !== 0) throw new ShapeError(`copySpans: ${spans.length} numbers are not whole triples.`);
  const [from, to] = [referenceArray(source), referenceArray(destination)];
  for (let i = 0; i < spans.length; i += 3) {
    const [first, target, count] = [spans[i]!, spans[i + 1]!, spans[i + 2]!];
    if (first < 0 || target < 0 || count < 0 || first + count > source.numRows || target + count > destination.numRows) {
      throw new ShapeError(`copySpans: span ${first} -> ${target} (${count} rows) leaves the tensors.`);
    }
    for (let row = 0; row < count; row++) {
      const start = source.offset + (first + row) * source.rowStride;
      to.set(from.subarray(start, start + source.rowLength), destination.offset + (target + row) * destination.rowStride);
    }
  }
});
