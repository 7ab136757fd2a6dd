/** Heads whose rows lie in the order in which neighbours are rotated together. */
export interface RotatedRows {
  /** Rows of a head. */
  readonly headDim: number;
  /** Bytes of a row. */
  readonly rowBytes: number;
}

/**
 * Puts the rows of whole heads back: row 2i + j of a head, which is element j of its pair i, becomes row j * headDim / 2 + i.
 * Rows are moved as they are, in whatever format.
 */
export function rowsInHalves(bytes: Uint8Array, heads: RotatedRows): Uint8Array {
  return moved(bytes, heads, (neighbours, halves) => [neighbours, halves]);
}

/** The other way: the order in which neighbours are rotated together. */
export function rowsOfNeighbours(bytes: Uint8Array, heads: RotatedRows): Uint8Array {
  return moved(bytes, heads, (neighbours, halves) => [halves, neighbours]);
}

function moved(bytes: Uint8Array, { headDim, rowBytes }: RotatedRows, direction: (neighbours: number, halves: number) => readonly [from: number, to: number]): Uint8Array {
  const ordered = new Uint8Array(bytes.length);
  const half = headDim / 2;
  for (let head = 0; head < bytes.length; head += headDim * rowBytes) {
    for (let row = 0; row < headDim; row++) {
      const [from, to] = direction(row, (row & 1) * half + (row >> 1));
      ordered.set(bytes.subarray(head + from * rowBytes, head + (from + 1) * rowBytes), head + to * rowBytes);
    }
  }
  return ordered;
}
