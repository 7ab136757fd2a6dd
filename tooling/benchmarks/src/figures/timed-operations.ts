import type { Backend, Operation } from "@elastic-attention/tensor";

/** Seconds by operation. */
export type OperationSeconds = ReadonlyMap<string, number>;

/**
 * Counts what every operation of a backend takes while `work` runs. A backend whose calls return before their work is done
 * is waited for after each, so that the sum is more than the work takes untimed.
 */
export async function timedOperations(backend: Backend, work: () => Promise<unknown>): Promise<OperationSeconds> {
  const { kernels } = backend;
  const seconds = new Map<string, number>();
  const timedRun = <Call, Result>(operation: Operation<Call, Result>, call: Call): Result => {
    const start = performance.now();
    const result = kernels.resolve(operation, call).run(call, backend);
    // It waits before it returns its promise.
    void backend.synchronize();
    seconds.set(operation.name, (seconds.get(operation.name) ?? 0) + (performance.now() - start) / 1000);
    return result;
  };
  Object.defineProperty(kernels, "run", { value: timedRun, configurable: true });
  try {
    await work();
  } finally {
    // The method of the class again.
    Reflect.deleteProperty(kernels, "run");
  }
  return seconds;
}
