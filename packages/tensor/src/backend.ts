import type { BlockWeights } from "./block-weights.js";
import type { DType, FloatDType } from "./dtype.js";
import type { GrowableTensor } from "./growable-tensor.js";
import type { KernelRegistry } from "./kernel-registry.js";
import type { LinearWeight } from "./operations/linear/linear-weight.js";
import type { RankGroup } from "./operations/ranks/rank-group.js";
import type { PendingDownload } from "./pending-download.js";
import type { Tensor } from "./tensor.js";
import type { WorkSizes } from "./work-sizes.js";

/** Where a backend computes. What differs between devices is data here, so that nobody asks for one by name. */
export interface DeviceInformation {
  /** For people: processor or card, and what of it is used. */
  readonly description: string;
  /** Worker threads on a CPU, multiprocessors on a GPU. */
  readonly parallelism: number;
  /** Memory that tensors can take, in bytes. */
  readonly memoryBytes: number;
  readonly workSizes: WorkSizes;
}

/** Live and peak memory of a backend; the leak counter of the tests. */
export interface MemoryReport {
  /** Storages (owner tensors, packed weights) and pending downloads not yet disposed. */
  readonly liveAllocations: number;
  readonly liveBytes: number;
  readonly peakBytes: number;
  /** What live bytes may reach: the device's memory, or a limit below it. */
  readonly limitBytes: number;
}

/** A point in the order of a backend's work. */
export interface Fence {
  /** Resolves when everything issued before the fence is done, whatever was issued since; the event loop goes on. */
  wait(): Promise<void>;
}

/** The fence of a backend whose calls return when the work is done. */
export const reachedFence: Fence = { wait: async () => {} };

/** Work that was recorded once and is asked for again as a whole, on the same tensors. */
export interface Graph extends Disposable {
  replay(): void;
}

/**
 * Something that holds tensors and runs operations on them. Work is ordered as issued; on the host backends it is
 * done when the call returns, on a GPU when `synchronize` resolves or a `download` returns.
 */
export interface Backend extends Disposable {
  readonly name: string;
  readonly device: DeviceInformation;
  readonly kernels: KernelRegistry;
  /** Weights in blocks that it computes on as they are; missing where it multiplies floats only. */
  readonly blockWeights?: BlockWeights;
  /** New uninitialised tensor. @throws OutOfMemoryError */
  allocate(shape: readonly number[], dtype: DType): Tensor;
  /** New tensor with the given dense bytes (any typed array; bf16 and f16 as 16-bit patterns). @throws ShapeError, OutOfMemoryError */
  upload(data: ArrayBufferView, shape: readonly number[], dtype: DType): Tensor;
  /** An empty matrix that grows where it lies; missing where growing has to copy. Ask `growableTensor` for one. */
  reserve?(maximumRows: number, rowLength: number, dtype: DType): GrowableTensor;
  /**
   * Records the work of `step` instead of doing it; missing where nothing is gained. The step must not allocate, upload
   * or download, and its tensors must outlive the graph.
   */
  capture?(step: () => void): Graph;
  /**
   * Lets the devices of several ranks reach each other; all ranks call it at once, before they compute together. Missing where
   * sums go through the host's memory anyway.
   *
   * @returns why the devices cannot, the same on every rank; undefined when they can
   */
  joinRanks?(ranks: RankGroup): string | undefined;
  /** Overwrites a tensor or view with dense host bytes. @throws ShapeError */
  write(tensor: Tensor, data: ArrayBufferView): void;
  /**
   * Fills a dense tensor with bytes of an open file, in the backend's order of work; missing where the bytes can only come
   * over the host's heap. @throws Error when the file ends before the tensor is full
   */
  readFile?(tensor: Tensor, descriptor: number, position: number): void;
  /** A weight without content whose layout is plain rows, and those rows to be filled; missing where weights are packed. */
  emptyWeight?(outFeatures: number, inFeatures: number, dtype: FloatDType): { readonly weight: LinearWeight; readonly rows: Tensor };
  /** Dense copy of the elements on the host, aligned for any typed array. */
  download(tensor: Tensor): Uint8Array;
  /**
   * Asks for the same copy without waiting for it; the tensor may be overwritten or disposed at once. For small results
   * that decide what is issued next: a large one may be waited for here.
   */
  startDownload(tensor: Tensor): PendingDownload;
  synchronize(): Promise<void>;
  /** Marks the end of the work issued so far. */
  fence(): Fence;
  memory(): MemoryReport;
  /** Resets `peakBytes` to `liveBytes`. */
  resetPeak(): void;
  /** Makes allocations beyond this many live bytes fail with OutOfMemoryError; undefined lifts the limit. */
  setMemoryLimit(bytes: number | undefined): void;
}
