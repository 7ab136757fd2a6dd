import { OutOfMemoryError } from "@elastic-attention/core";
import { CopiedTensor, type DType, type Graph, type GrowableTensor, hostWorkSizes, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";

/** Says that memory grows in place and that steps are captured, and counts: what a GPU does, on the reference kernels. */
export class CapturingBackend extends ReferenceBackend {
  override readonly device = { ...new ReferenceBackend().device, workSizes: { ...hostWorkSizes, emptyDecodeRows: true } };
  captured = 0;
  replayed = 0;
  failAt = Infinity;
  allocations = 0;

  override allocate(shape: readonly number[], dtype: DType): Tensor {
    if (++this.allocations === this.failAt) throw new OutOfMemoryError("failing", 1, 0, 0);
    return super.allocate(shape, dtype);
  }

  reserve(maximumRows: number, rowLength: number, dtype: DType): GrowableTensor {
    return new CopiedTensor(this, maximumRows, rowLength, dtype);
  }

  capture(step: () => void): Graph {
    this.captured += 1;
    return {
      replay: () => {
        this.replayed += 1;
        step();
      },
      [Symbol.dispose]: () => {},
    };
  }
}

/** Memory that lies still while it grows; a step that was recorded keeps the shapes it was recorded with. */
export class StillBackend extends CapturingBackend {
  override reserve(maximumRows: number, rowLength: number, dtype: DType): GrowableTensor {
    const all = this.allocate([Math.min(maximumRows, 1 << 17), rowLength], dtype);
    let tensor = all.rows(0, 0);
    return {
      keepsAddress: true,
      get tensor() {
        return tensor;
      },
      grow: (rows) => void (rows > tensor.numRows && (tensor = all.rows(0, rows))),
      clear: () => void (tensor = all.rows(0, 0)),
      [Symbol.dispose]: () => all.dispose(),
    };
  }
}
