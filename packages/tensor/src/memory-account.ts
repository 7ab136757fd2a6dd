import { OutOfMemoryError } from "@elastic-attention/core";
import type { MemoryReport } from "./backend.js";
import type { Storage } from "./tensor.js";

/** Counts the storages of a backend and keeps its limit: every backend has one. */
export class MemoryAccount {
  #liveAllocations = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #limitBytes: number | undefined;

  /** @param deviceBytes what there is, limit or not. */
  constructor(
    private readonly backendName: string,
    private readonly deviceBytes: number = Infinity,
  ) {}

  /**
   * A new storage around what `make` returns.
   *
   * @param make returns undefined when there is no memory; whatever else it throws goes on.
   * @param free called once, when the storage is disposed.
   * @throws OutOfMemoryError, before `make` is called when a limit would be passed
   */
  allocate<Handle>(byteLength: number, make: () => Handle | undefined, free: (handle: Handle) => void = () => {}): Storage {
    const limit = this.#limit;
    if (!(this.#liveBytes + byteLength <= limit)) throw this.outOfMemory(byteLength, limit);
    const handle = make();
    if (handle === undefined) throw this.outOfMemory(byteLength);
    this.#liveAllocations += 1;
    this.#liveBytes += byteLength;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return new OwnedStorage(handle, byteLength, () => {
      // Nobody can give it back again: it counts as gone, also when freeing fails.
      this.#liveAllocations -= 1;
      this.#liveBytes -= byteLength;
      free(handle);
    });
  }

  /** The error for memory that was not to be had; its caller throws it. */
  outOfMemory(requestedBytes: number, limitBytes: number | undefined = this.#limitBytes): OutOfMemoryError {
    return new OutOfMemoryError(this.backendName, requestedBytes, this.#liveBytes, limitBytes);
  }

  report(): MemoryReport {
    const [liveAllocations, liveBytes, peakBytes] = [this.#liveAllocations, this.#liveBytes, this.#peakBytes];
    return { liveAllocations, liveBytes, peakBytes, limitBytes: this.#limit };
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  get #limit(): number {
    return Math.min(this.#limitBytes ?? Infinity, this.deviceBytes);
  }

  setLimit(bytes: number | undefined): void {
    this.#limitBytes = bytes;
  }
}

/** A handle that is given back once. */
class OwnedStorage implements Storage {
  #handle: unknown;

  constructor(
    handle: unknown,
    readonly byteLength: number,
    private readonly release: () => void,
  ) {
    this.#handle = handle;
  }

  get handle(): unknown {
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
