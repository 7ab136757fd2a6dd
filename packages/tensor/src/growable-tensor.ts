import { ShapeError } from "@elastic-attention/core";
import type { Backend } from "./backend.js";
import type { DType } from "./dtype.js";
import { copySpans } from "./operations/elements/copy-spans.js";
import type { Tensor } from "./tensor.js";

/**
 * A matrix that gets more rows without losing those it has. Backends that can keep its address (`Backend.reserve`);
 * elsewhere growing copies. Ask for {@link tensor} again after every {@link grow}.
 */
export interface GrowableTensor extends Disposable {
  /** [rows, rowLength]; owned by this object. */
  readonly tensor: Tensor;
  /** Whether growing keeps the rows where they are. */
  readonly keepsAddress: boolean;
  /** Makes room for at least this many rows; new ones are uninitialised. @throws OutOfMemoryError, and nothing changed then; ShapeError beyond the maximum */
  grow(rows: number): void;
  /** Gives the rows' memory back; it can grow again. */
  clear(): void;
}

/** An empty growable matrix of at most `maximumRows` rows. */
export function growableTensor(backend: Backend, maximumRows: number, rowLength: number, dtype: DType): GrowableTensor {
  return backend.reserve?.(maximumRows, rowLength, dtype) ?? new CopiedTensor(backend, maximumRows, rowLength, dtype);
}

/** Grows by copying to a larger tensor: for backends without memory that grows in place. */
export class CopiedTensor implements GrowableTensor {
  readonly keepsAddress = false;
  #tensor: Tensor | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly maximumRows: number,
    private readonly rowLength: number,
    private readonly dtype: DType,
  ) {}

  get tensor(): Tensor {
    return (this.#tensor ??= this.backend.allocate([0, this.rowLength], this.dtype));
  }

  grow(rows: number): void {
    const before = this.tensor;
    if (rows <= before.numRows) return;
    if (rows > this.maximumRows) throw new ShapeError(`${rows} rows are more than the ${this.maximumRows} that were reserved.`);
    const after = this.backend.allocate([rows, this.rowLength], this.dtype);
    try {
      if (before.numRows > 0) {
        const spans = Int32Array.of(0, 0, before.numRows);
        this.backend.kernels.run(copySpans, { source: before, destination: after, spans });
      }
    } catch (error) {
      after.dispose();
      throw error;
    }
    this.#tensor = after;
    before.dispose();
  }

  clear(): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
