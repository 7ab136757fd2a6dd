import { DisposedError, ShapeError } from "@elastic-attention/core";
import type { Backend } from "./backend.js";
import { type DType, dtypeByteSize, fromBFloat16, fromFloat16, hostArray } from "./dtype.js";
import type { PendingDownload } from "./pending-download.js";

/** Memory of one backend that tensors look into. Freed once, by its owner tensor. */
export interface Storage {
  /** What the backend needs to find the memory: a native handle, a typed array, a device address. */
  readonly handle: unknown;
  readonly byteLength: number;
  readonly disposed: boolean;
  dispose(): void;
}

/**
 * A typed array on a backend. Dimension 0 counts rows; within a row elements are dense, and consecutive rows lie
 * `rowStride` elements apart, so that a column range of a matrix (q, k or v of a fused projection) is a tensor too.
 *
 * The tensor that `Backend.allocate` or `upload` returns owns its memory and must be disposed (`using`, or a
 * `MemoryScope`). `rows`, `columns` and `reshape` give views: they own nothing, need no disposal, and throw
 * {@link DisposedError} once the owner is gone.
 */
export class Tensor implements Disposable {
  constructor(
    readonly backend: Backend,
    readonly storage: Storage,
    readonly shape: readonly number[],
    readonly dtype: DType,
    /** First element, counted in elements from the start of the storage. */
    readonly offset: number = 0,
    /** Elements between row i and row i + 1. */
    readonly rowStride: number = rowLengthOf(shape),
    private readonly owner: boolean = true,
  ) {}

  /** Number of rows: `shape[0]`, 1 for a scalar. */
  get numRows(): number {
    return this.shape[0] ?? 1;
  }

  /** Elements in one row: the product of all dimensions but the first. */
  get rowLength(): number {
    return rowLengthOf(this.shape);
  }

  get numElements(): number {
    return this.numRows * this.rowLength;
  }

  /** Whether rows follow each other without gaps. */
  get isContiguous(): boolean {
    return this.rowStride === this.rowLength || this.numRows <= 1;
  }

  get disposed(): boolean {
    return this.storage.disposed;
  }

  /** Throws {@link DisposedError} when the memory is gone; kernels call it on every operand. */
  assertAlive(what = "A tensor"): void {
    if (this.storage.disposed) throw new DisposedError(`${what} of shape [${this.shape.join(", ")}]`);
  }

  /** View of rows `start` (inclusive) to `end` (exclusive). */
  rows(start: number, end: number): Tensor {
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= this.numRows)) {
      throw new ShapeError(`rows(${start}, ${end}) is outside a tensor of ${this.numRows} rows.`);
    }
    return this.view([end - start, ...this.shape.slice(1)], this.offset + start * this.rowStride, this.rowStride);
  }

  /** View of columns `start` to `end` of a matrix (rank 2). */
  columns(start: number, end: number): Tensor {
    if (this.shape.length !== 2) throw new ShapeError(`columns() needs a matrix, not rank ${this.shape.length}.`);
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= this.shape[1]!)) {
      throw new ShapeError(`columns(${start}, ${end}) is outside a tensor of ${this.shape[1]} columns.`);
    }
    return this.view([this.numRows, end - start], this.offset + start, this.rowStride);
  }

  /** View of the same elements under another shape; a tensor with row gaps keeps its first dimension. */
  reshape(shape: readonly number[]): Tensor {
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new ShapeError(`[${shape.join(", ")}] is not a shape.`);
    }
    const count = shape.reduce((product, size) => product * size, 1);
    if (count !== this.numElements) {
      throw new ShapeError(`Cannot reshape [${this.shape.join(", ")}] to [${shape.join(", ")}]: element counts differ.`);
    }
    if (this.isContiguous) return this.view(shape, this.offset, rowLengthOf(shape));
    if (shape[0] !== this.shape[0]) throw new ShapeError("A tensor with row gaps can only be reshaped within its rows.");
    return this.view(shape, this.offset, this.rowStride);
  }

  /** Copies the elements to the host, dense, as the bytes of `dtype`. */
  download(): Uint8Array {
    this.assertAlive();
    return this.backend.download(this);
  }

  /** Asks for that copy without waiting for it; the caller disposes it. */
  startDownload(): PendingDownload {
    this.assertAlive();
    return this.backend.startDownload(this);
  }

  /** Copies the elements to the host as numbers in float32 (integers too, exact to 2^24). */
  toFloat32(): Float32Array {
    const array = hostArray(this.download(), this.dtype);
    if (array instanceof Float32Array) return array;
    if (this.dtype === "bf16") return Float32Array.from(array, fromBFloat16);
    if (this.dtype === "f16") return Float32Array.from(array, fromFloat16);
    return Float32Array.from(array);
  }

  /** Frees the memory if this tensor owns it; does nothing for a view or the second time. */
  dispose(): void {
    if (this.owner) this.storage.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private view(shape: readonly number[], offset: number, rowStride: number): Tensor {
    this.assertAlive();
    return new Tensor(this.backend, this.storage, shape, this.dtype, offset, rowStride, false);
  }
}

function rowLengthOf(shape: readonly number[]): number {
  let product = 1;
  for (let dimension = 1; dimension < shape.length; dimension++) product *= shape[dimension]!;
  return product;
}

/** Bytes that a dense tensor of this shape and dtype takes. */
export function tensorByteLength(shape: readonly number[], dtype: DType): number {
  return shape.reduce((product, size) => product * size, 1) * dtypeByteSize(dtype);
}
