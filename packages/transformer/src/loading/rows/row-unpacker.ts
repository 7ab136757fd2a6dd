import type { MemoryScope } from "@elastic-attention/core";
import { type Checkpoint, type Tensor, unpackBlocks, weightByteLength, weightFormat } from "@elastic-attention/tensor";
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
    const { type, byteLength } = this.checkpoint.entry(name);
    const { kernels } = target.backend;
    const rowBytes = weightByteLength(weightFormat(type, name), target.rowLength);
    const sliceRows = Math.max(1, Math.min(target.numRows, Math.floor(sliceBytes / rowBytes)));
    for (let row = 0; row < target.numRows; row += sliceRows) {
      const end = Math.min(row + sliceRows, target.numRows);
      const call = { blocks: this.#rows(target, end - row, rowBytes, Math.min(byteLength, sliceRows * rowBytes)), format: type, output: target.rows(row, end) };
      const kernel = kernels.find(unpackBlocks, call);
      if (kernel === undefined) {
        unpackRows(target, this.checkpoint, name, this.#buffers);
        return true;
      }
      target.backend.write(call.blocks, readSlice(this.checkpoint, name, row * rowBytes, end * rowBytes, this.#buffers));
      kernel.run(call, target.backend);
    }
    return false;
  }

  /** Memory for rows of blocks, kept from slice to slice. */
  #rows({ backend }: Tensor, rows: number, rowBytes: number, room: number): Tensor {
    if (this.#blocks === undefined || this.#blocks.numElements < room) {
      this.#blocks = this.loading.track(backend.allocate([Math.max(room, sliceBytes)], "u8"));
    }
    return this.#blocks.rows(0, rows * rowBytes).reshape([rows, rowBytes]);
  }
}
