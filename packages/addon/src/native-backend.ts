import { setImmediate, setTimeout } from "node:timers/promises";
import type { CacheType } from "@elastic-attention/attention";
import { OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import {
  type Backend,
  type DeviceInformation,
  type DType,
  dtypeByteSize,
  type Fence,
  type FloatDType,
  type GrowableTensor,
  KernelRegistry,
  LinearWeight,
  MemoryAccount,
  type MemoryReport,
  PendingDownload,
  reachedFence,
  type Storage,
  Tensor,
} from "@elastic-attention/tensor";
import { CallArguments } from "./call-arguments.js";
import { deviceFailure, guardAddon } from "./guard-addon.js";
import { registerNativeKernels } from "./kernels/index.js";
import type { NativeAddon } from "./native-addon.js";
import { ReservedTensor } from "./reserved-tensor.js";

/** What tells one native backend from another. */
export interface NativeBackendTraits {
  readonly name: string;
  readonly device: DeviceInformation;
  /** Types that kernels compute with; sums are float32 on every backend. */
  readonly computeDTypes: readonly DType[];
  /** What kernels read keys and values in besides. Default: nothing else. */
  readonly cacheTypes?: readonly CacheType[];
  /** Types that {@link LinearWeight}s are packed in. */
  readonly packedDTypes: readonly DType[];
  /** Whether a packed weight is its matrix, row after row: then it is filled in place. */
  readonly weightsAreRows?: boolean;
  /** Why tokens cannot be drawn from a vocabulary of this size; left out: from any. */
  readonly samplingProblems?: (vocabularySize: number) => readonly string[];
}

/** A backend whose kernels are functions of an addon; they take their arguments packed by {@link CallArguments}. */
export class NativeBackend<Addon extends NativeAddon = NativeAddon> implements Backend {
  readonly name: string;
  readonly device: DeviceInformation;
  readonly kernels: KernelRegistry = new KernelRegistry(this);
  /** The addon behind its guard: its functions throw OutOfMemoryError, ShapeError or DeviceError. */
  readonly addon: Addon;
  declare emptyWeight?: NonNullable<Backend["emptyWeight"]>;
  declare readFile?: NonNullable<Backend["readFile"]>;
  /** Only where the addon can: elsewhere growing copies. */
  readonly reserve?: (maximumRows: number, rowLength: number, dtype: DType) => GrowableTensor;
  readonly #account: MemoryAccount;

  constructor(
    addon: Addon,
    readonly traits: NativeBackendTraits,
  ) {
    this.name = traits.name;
    this.device = traits.device;
    this.#account = new MemoryAccount(this.name, this.device.memoryBytes);
    this.addon = guardAddon(addon, (operation, error) => this.#failure(operation, error));
    if (traits.weightsAreRows === true) this.emptyWeight = (outFeatures, inFeatures, dtype) => this.#emptyWeight(outFeatures, inFeatures, dtype);
    const { readFile } = this.addon;
    if (readFile !== undefined) {
      this.readFile = (tensor, descriptor, position) => readFile(new CallArguments().tensor(tensor).number(descriptor, position).pack());
    }
    if (addon.reserve !== undefined) {
      this.reserve = (maximumRows, rowLength, dtype) => new ReservedTensor(this, maximumRows, rowLength, dtype);
    }
    registerNativeKernels(this);
  }

  allocate(shape: readonly number[], dtype: DType): Tensor {
    for (const size of shape) {
      if (!Number.isSafeInteger(size) || size < 0) throw new ShapeError(`[${shape.join(", ")}] is not a shape.`);
    }
    const length = shape.reduce((product, size) => product * size, 1);
    return new Tensor(this, this.allocateStorage(length * dtypeByteSize(dtype)), shape, dtype);
  }

  /** Raw memory: packed weights, and what tensors look into. @throws OutOfMemoryError */
  allocateStorage(byteLength: number): Storage {
    // Systems promise more memory than there is and kill the process later: the account refuses in time.
    return this.#account.allocate(
      byteLength,
      () => unlessOutOfMemory(() => this.addon.allocate(Float64Array.of(byteLength))),
      (handle) => this.addon.release(Float64Array.of(handle)),
    );
  }

  #emptyWeight(outFeatures: number, inFeatures: number, dtype: FloatDType) {
    const storage = this.allocateStorage(outFeatures * inFeatures * dtypeByteSize(dtype));
    return {
      weight: new LinearWeight(this, storage, outFeatures, inFeatures, dtype),
      rows: new Tensor(this, storage, [outFeatures, inFeatures], dtype, 0, inFeatures, false),
    };
  }

  /** Counts memory that `make` gets from the addon, until the storage is disposed. @throws OutOfMemoryError */
  claim(byteLength: number, make: () => void): Storage {
    return this.#account.allocate(byteLength, () =>
      unlessOutOfMemory(() => {
        make();
        return true;
      }),
    );
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
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.length !== tensor.numElements * dtypeByteSize(tensor.dtype)) {
      throw new ShapeError(`${bytes.length} bytes do not fill a ${tensor.dtype} tensor of ${tensor.numElements}.`);
    }
    this.addon.write(new CallArguments().tensor(tensor).pack(), bytes);
  }

  download(tensor: Tensor): Uint8Array {
    const bytes = new Uint8Array(tensor.numElements * dtypeByteSize(tensor.dtype));
    this.addon.read(new CallArguments().tensor(tensor).pack(), bytes);
    return bytes;
  }

  startDownload(tensor: Tensor): PendingDownload {
    const { addon } = this;
    if (tensor.numElements * dtypeByteSize(tensor.dtype) > (addon.pendingReadBytes ?? -1)) {
      return PendingDownload.ready(this.#account, this.download(tensor));
    }
    const storage = this.#account.allocate(
      0,
      () => addon.startRead!(new CallArguments().tensor(tensor).pack()),
      (read) => addon.releaseRead!(Float64Array.of(read)),
    );
    return new PendingDownload(storage, () => addon.finishRead!(Float64Array.of(storage.handle as number)));
  }

  /** Runs a native kernel, of the addon or not. @throws ShapeError, OutOfMemoryError, DeviceError */
  call(operation: string, kernel: (values: Float64Array) => void, call: CallArguments): void {
    this.callPacked(operation, kernel, call.pack());
  }

  /** The same with arguments that are packed already. */
  protected callPacked(operation: string, kernel: (values: Float64Array) => void, values: Float64Array): void {
    try {
      kernel(values);
    } catch (error) {
      throw this.#failure(operation, error);
    }
  }

  #failure(operation: string, error: unknown) {
    return deviceFailure(this.name, operation, error, (bytes) => this.#account.outOfMemory(bytes));
  }

  fence(): Fence {
    const { addon } = this;
    const number = addon.recordFence?.(new Float64Array(0));
    if (number === undefined) return reachedFence;
    const reached = () => addon.fenceReached!(Float64Array.of(number));
    return {
      async wait() {
        // Work is a matter of microseconds or of seconds: turns of the event loop first, then a timer.
        for (let turn = 0; !reached(); turn++) await (turn < 500 ? setImmediate() : setTimeout(1));
      },
    };
  }

  async synchronize(): Promise<void> {
    this.addon.synchronize?.();
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
}

function unlessOutOfMemory<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    // The account's error says how much was asked for in all.
    if (OutOfMemoryError.isInstance(error)) return undefined;
    throw error;
  }
}
