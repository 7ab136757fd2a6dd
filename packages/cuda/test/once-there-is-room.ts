import { OutOfMemoryError } from "@elastic-attention/core";

/**
 * Memory that is refused is asked for again, for two minutes at most: the tests of another process may fill the device for a
 * moment, and its pool keeps what they gave back until that process ends.
 */
export function onceThereIsRoom<Result>(allocate: () => Result): Result {
  const deadline = performance.now() + 120_000;
  for (;;) {
    try {
      return allocate();
    } catch (error) {
      if (!OutOfMemoryError.isInstance(error) || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}
