import type { MemoryScope } from "@elastic-attention/core";
import { type Backend, type Checkpoint, type Tensor, unpackBlocks, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import { SliceBuffers, readSlice, unpackRows } from "./unpack-rows.js";

/** Bytes of a file that a kernel unpacks at once. */
const sliceBytes = 1 << 22;

/** Unpacks matrices that a checkpoint keeps in blocks: by the backend's kernel where it has one for their format, else on the host. */
export class RowUnpacker {
  readonly #buffers = new SliceBuffers();
  #blocks: Tensor | undefined;

  constructor(
    private readonly checkpoint: Checkpoint,
    /** Lives as long as the loading. */
    private readonly loading: MemoryScope,
  ) {}

  /**
   * Fills the dense rows of `target`, in its dtype.
   * @returns whether the values are known to be finite; where a kernel made them, nobody has looked
   * @throws ModelConfigError for a value that is not finite, and for a file that has become shorter
   */
  unpack(target: Tensor, name: string): boolean {
    const { type } = this.checkpoint.entry(name);
    const { backend } = target;
    // Kernels say by format and dtype what they take.
    const kernel = backend.kernels.find(unpackBlocks, { blocks: target, format: type, output: target });
    if (kernel === undefined) {
      unpackRows(target, this.checkpoint, name, this.#buffers);
      return true;
    }
    const rowBytes = weightByteLength(weightFormat(type, name), target.rowLength);
    const sliceRows = Math.max(1, Math.min(target.numRows, Math.floor(sliceBytes / rowBytes)));
    for (let row = 0; row < target.numRows; row += sliceRows) {
      const end = Math.min(row + sliceRows, target.numRows);
      const blocks = this.#room(backend, sliceRows * rowBytes).rows(0, (end - row) * rowBytes).reshape([end - row, rowBytes]);
      backend.write(blocks, readSlice(this.checkpoint, name, row * rowBytes, end * rowBytes, this.#buffers));
      kernel.run({ blocks, format: type, output: target.rows(row, end) }, backend);
    }
    return false;
  }

  /** Bytes for blocks on the backend, kept from slice to slice. */
  #room(backend: Backend, bytes: number): Tensor {
    if (this.#blocks === undefined || this.#blocks.numElements < bytes) {
      this.#blocks?.dispose();
      this.#blocks = undefined;
      this.#blocks = this.loading.track(backend.allocate([bytes], "u8"));
    }
    return this.#blocks;
  }
}
