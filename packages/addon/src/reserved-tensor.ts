import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { type DType, dtypeByteSize, type GrowableTensor, type Storage, Tensor } from "@elastic-attention/tensor";
import type { NativeBackend } from "./native-backend.js";

/** Addresses that were reserved at once; memory comes under them piece by piece, so that rows stay where they are. */
export class ReservedTensor implements GrowableTensor {
  readonly keepsAddress = true;
  readonly #pieces = new MemoryScope();
  readonly #storage: ReservedStorage;
  #tensor: Tensor;

  constructor(
    private readonly backend: NativeBackend,
    private readonly maximumRows: number,
    private readonly rowLength: number,
    private readonly dtype: DType,
  ) {
    const { addon } = backend;
    const handle = addon.reserve!(Float64Array.of(maximumRows * this.#rowBytes));
    this.#storage = new ReservedStorage(handle, () => void addon.release(Float64Array.of(handle)));
    this.#tensor = this.#view(0);
  }

  get tensor(): Tensor {
    return this.#tensor;
  }

  grow(rows: number): void {
    const added = rows - this.#tensor.numRows;
    if (added <= 0) return;
    if (rows > this.maximumRows) throw new ShapeError(`${rows} rows are more than the ${this.maximumRows} that were reserved.`);
    const piece = this.backend.claim(added * this.#rowBytes, () => {
      this.backend.addon.grow!(Float64Array.of(this.#storage.handle!, rows * this.#rowBytes));
    });
    this.#pieces.track({ [Symbol.dispose]: () => piece.dispose() });
    this.#storage.byteLength = rows * this.#rowBytes;
    this.#tensor = this.#view(rows);
  }

  clear(): void {
    if (this.#storage.byteLength === 0) return;
    this.backend.addon.clear!(Float64Array.of(this.#storage.handle!));
    this.#storage.byteLength = 0;
    this.#tensor = this.#view(0);
    this.#pieces.dispose();
  }

  [Symbol.dispose](): void {
    try {
      this.#storage.dispose();
    } finally {
      this.#pieces.dispose();
    }
  }

  get #rowBytes(): number {
    return this.rowLength * dtypeByteSize(this.dtype);
  }

  #view(rows: number): Tensor {
    return new Tensor(this.backend, this.#storage, [rows, this.rowLength], this.dtype, 0, this.rowLength, false);
  }
}

class ReservedStorage implements Storage {
  byteLength = 0;
  #handle: number | undefined;

  constructor(
    handle: number,
    private readonly release: () => void,
  ) {
    this.#handle = handle;
  }

  get handle(): number | undefined {
    return this.#handle;
  }

  get disposed(): boolean {
    return this.#handle === undefined;
  }

  dispose(): void {
    if (this.#handle === undefined) return;
    this.#handle = undefined;
    this.release();
  }
}
