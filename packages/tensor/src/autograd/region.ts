import { ShapeError } from "@elastic-attention/core";
import type { Tensor } from "../tensor.js";

/** A rectangle of elements of one storage, seen as rows of a fixed width. */
export interface Region {
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly columnStart: number;
  readonly columnEnd: number;
}

/**
 * The elements of a view as a rectangle of a storage with rows of `width` elements.
 * @throws ShapeError for a view that is none: a part of a tensor that was reshaped across its rows
 */
export function regionOf(view: Tensor, width: number): Region {
  const { offset, numRows, rowLength, rowStride, numElements } = view;
  if (numElements === 0) return { rowStart: 0, rowEnd: 0, columnStart: 0, columnEnd: 0 };
  const rowStart = Math.floor(offset / width);
  const columnStart = offset % width;
  if (view.isContiguous) {
    const end = offset + numElements;
    if (columnStart === 0 && end % width === 0) return { rowStart, rowEnd: end / width, columnStart, columnEnd: width };
    if (columnStart + numElements <= width) {
      return { rowStart, rowEnd: rowStart + 1, columnStart, columnEnd: columnStart + numElements };
    }
  } else if (rowStride === width && columnStart + rowLength <= width) {
    return { rowStart, rowEnd: rowStart + numRows, columnStart, columnEnd: columnStart + rowLength };
  }
  throw new ShapeError(
    `A view [${view.shape.join(", ")}] at element ${offset} is no rectangle of a tensor with rows of ${width}.`,
    "Take rows and columns of the tensor as it was allocated, and reshape only within rows.",
  );
}

/** The rectangle as the shape, first element and row stride of a tensor. */
export function regionShape({ rowStart, rowEnd, columnStart, columnEnd }: Region, width: number) {
  return { shape: [rowEnd - rowStart, columnEnd - columnStart], offset: rowStart * width + columnStart, rowStride: width };
}

export function overlap(a: Region, b: Region): boolean {
  return a.rowStart < b.rowEnd && b.rowStart < a.rowEnd && a.columnStart < b.columnEnd && b.columnStart < a.columnEnd;
}

/** `region` without `removed`, as at most four rectangles. */
export function subtract(region: Region, removed: Region): Region[] {
  if (!overlap(region, removed)) return [region];
  const rowStart = Math.max(region.rowStart, removed.rowStart);
  const rowEnd = Math.min(region.rowEnd, removed.rowEnd);
  const pieces = [
    { ...region, rowEnd: removed.rowStart },
    { ...region, rowStart: removed.rowEnd },
    { rowStart, rowEnd, columnStart: region.columnStart, columnEnd: removed.columnStart },
    { rowStart, rowEnd, columnStart: removed.columnEnd, columnEnd: region.columnEnd },
  ];
  return pieces.filter((piece) => piece.rowStart < piece.rowEnd && piece.columnStart < piece.columnEnd);
}

/** Disjoint rectangles of one storage. */
export class RegionSet {
  #regions: Region[] = [];

  get isEmpty(): boolean {
    return this.#regions.length === 0;
  }

  /** The parts of a rectangle that are not in the set. */
  missing(region: Region): readonly Region[] {
    let pieces = region.rowStart < region.rowEnd ? [region] : [];
    for (const known of this.#regions) pieces = pieces.flatMap((piece) => subtract(piece, known));
    return pieces;
  }

  overlaps(region: Region): boolean {
    return this.#regions.some((known) => overlap(known, region));
  }

  /** Adds a rectangle; neighbours that make one larger rectangle become one, so that chunks do not pile up. */
  add(region: Region): void {
    for (let piece of this.missing(region)) {
      for (let index = 0; index < this.#regions.length; index++) {
        const joined = join(this.#regions[index]!, piece);
        if (joined === undefined) continue;
        this.#regions.splice(index, 1);
        piece = joined;
        index = -1;
      }
      this.#regions.push(piece);
    }
  }

  remove(region: Region): void {
    this.#regions = this.#regions.flatMap((known) => subtract(known, region));
  }
}

function join(a: Region, b: Region): Region | undefined {
  const sameColumns = a.columnStart === b.columnStart && a.columnEnd === b.columnEnd;
  if (sameColumns && (a.rowEnd === b.rowStart || b.rowEnd === a.rowStart)) {
    return { ...a, rowStart: Math.min(a.rowStart, b.rowStart), rowEnd: Math.max(a.rowEnd, b.rowEnd) };
  }
  const sameRows = a.rowStart === b.rowStart && a.rowEnd === b.rowEnd;
  if (sameRows && (a.columnEnd === b.columnStart || b.columnEnd === a.columnStart)) {
    return { ...a, columnStart: Math.min(a.columnStart, b.columnStart), columnEnd: Math.max(a.columnEnd, b.columnEnd) };
  }
  return undefined;
}
