import { availableParallelism, totalmem } from "node:os";
import { ShapeError } from "@elastic-attention/core";
import { type Backend, type DeviceInformation, type Fence, type MemoryReport, reachedFence } from "../backend.js";
import { type DType, dtypeByteSize, type HostArray, hostArray } from "../dtype.js";
import { KernelRegistry } from "../kernel-registry.js";
import { MemoryAccount } from "../memory-account.js";
import { PendingDownload } from "../pending-download.js";
import { type Storage, Tensor } from "../tensor.js";
import { hostWorkSizes } from "../work-sizes.js";

/** Typed arrays that back tensors here; `Float64Array` stands for f32 when the precision is "f64". */
export type ReferenceArray = HostArray | Float64Array;

/** Settings of the reference backend. */
export interface ReferenceBackendOptions {
  /** "f64" stores what is called f32 in double precision, for finite differences and error studies. */
  readonly precision?: "f32" | "f64";
}

/** Plain TypeScript, no native code, written to be read: every operation's specification and the oracle of the tests. */
export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly device: DeviceInformation = {
    description: `plain TypeScript on one of ${availableParallelism()} cores`,
    parallelism: 1,
    memoryBytes: totalmem(),
    workSizes: hostWorkSizes,
  };
  readonly kernels: KernelRegistry = new KernelRegistry(this, true);
  readonly precision: "f32" | "f64";
  readonly #account: MemoryAccount = new MemoryAccount(this.name);

  constructor(options: ReferenceBackendOptions = {}) {
    this.precision = options.precision ?? "f32";
  }

  allocate(shape: readonly number[], dtype: DType): Tensor {
    for (const size of shape) {
      if (!Number.isSafeInteger(size) || size < 0) throw new ShapeError(`[${shape.join(", ")}] is not a shape.`);
    }
    const length = shape.reduce((product, size) => product * size, 1);
    return new Tensor(this, this.#allocateStorage(length, dtype), shape, dtype);
  }

  upload(data: ArrayBufferView, shape: readonly number[], dtype: DType): Tensor {
    const tensor = this.allocate(shape, dtype);
    try {
      this.write(tensor, data);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  write(tensor: Tensor, data: ArrayBufferView): void {
    tensor.assertAlive();
    const source = alignedHostArray(data, tensor.dtype);
    if (source.length !== tensor.numElements) {
      throw new ShapeError(`${source.length} ${tensor.dtype} values do not fill a tensor of ${tensor.numElements}.`);
    }
    const target = referenceArray(tensor);
    for (let row = 0; row < tensor.numRows; row++) {
      const start = row * tensor.rowLength;
      target.set(source.subarray(start, start + tensor.rowLength), tensor.offset + row * tensor.rowStride);
    }
  }

  download(tensor: Tensor): Uint8Array {
    tensor.assertAlive();
    const source = referenceArray(tensor);
    const bytes = new Uint8Array(tensor.numElements * dtypeByteSize(tensor.dtype));
    const target = hostArray(bytes, tensor.dtype);
    for (let row = 0; row < tensor.numRows; row++) {
      const start = tensor.offset + row * tensor.rowStride;
      target.set(source.subarray(start, start + tensor.rowLength), row * tensor.rowLength);
    }
    return bytes;
  }

  startDownload(tensor: Tensor): PendingDownload {
    return PendingDownload.ready(this.#account, this.download(tensor));
  }

  async synchronize(): Promise<void> {}

  fence(): Fence {
    return reachedFence;
  }

  memory(): MemoryReport {
    return this.#account.report();
  }

  resetPeak(): void {
    this.#account.resetPeak();
  }

  setMemoryLimit(bytes: number | undefined): void {
    this.#account.setLimit(bytes);
  }

  [Symbol.dispose](): void {}

  #allocateStorage(length: number, dtype: DType): Storage {
    const byteLength = length * (dtype === "f32" && this.precision === "f64" ? 8 : dtypeByteSize(dtype));
    return this.#account.allocate(byteLength, () => {
      try {
        return this.#newArray(length, dtype);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return undefined;
      }
    });
  }

  #newArray(length: number, dtype: DType): ReferenceArray {
    switch (dtype) {
      case "f32":
        return this.precision === "f64" ? new Float64Array(length) : new Float32Array(length);
      case "bf16":
      case "f16":
        return new Uint16Array(length);
      case "i32":
        return new Int32Array(length);
      case "u8":
        return new Uint8Array(length);
    }
  }
}

/** The typed array behind a tensor of the reference backend; its elements start at `tensor.offset`. */
export function referenceArray(tensor: Tensor): ReferenceArray {
  tensor.assertAlive();
  if (!(tensor.backend instanceof ReferenceBackend)) {
    throw new ShapeError(`A tensor of backend "${tensor.backend.name}" was given to a reference kernel.`);
  }
  return tensor.storage.handle as ReferenceArray;
}

function alignedHostArray(data: ArrayBufferView, dtype: DType): HostArray {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data.byteLength % dtypeByteSize(dtype) !== 0) {
    throw new ShapeError(`${data.byteLength} bytes are no whole number of ${dtype} elements.`);
  }
  return hostArray(data.byteOffset % dtypeByteSize(dtype) === 0 ? bytes : bytes.slice(), dtype);
}
