import { DisposedError } from "@elastic-attention/core";
import type { MemoryAccount } from "./memory-account.js";
import type { Storage } from "./tensor.js";

/**
 * A copy of a tensor on its way to the host: what `Backend.download` would have given when it was asked for, whatever
 * happens to the tensor since. It counts as an allocation of its backend until it is disposed, which waits for nothing.
 */
export class PendingDownload implements Disposable {
  #bytes: Uint8Array | undefined;

  /**
   * @param storage what keeps the copy; disposed with the download
   * @param take waits for the copy and gives its bytes; called once at most, while the storage lives
   */
  constructor(
    private readonly storage: Storage,
    private readonly take: () => Uint8Array,
  ) {}

  /** One whose bytes are there: of a backend that cannot wait for a single copy, or not for that much. */
  static ready(account: MemoryAccount, bytes: Uint8Array): PendingDownload {
    return new PendingDownload(account.allocate(0, () => true), () => bytes);
  }

  /**
   * Dense copy of the elements, aligned for any typed array. Waits until it is there, not for work that was issued after
   * it. @throws DisposedError
   */
  read(): Uint8Array {
    if (this.storage.disposed) throw new DisposedError("A download");
    return (this.#bytes ??= this.take());
  }

  dispose(): void {
    this.#bytes = undefined;
    this.storage.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
