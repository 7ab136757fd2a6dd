import { type KernelRefusal, UnsupportedOperationError } from "@elastic-attention/core";
import type { Backend } from "./backend.js";
import type { Kernel, Operation } from "./operation.js";

interface Entry {
  readonly kernel: Kernel<never, unknown>;
  readonly priority: number;
}

const noEntries: readonly Entry[] = [];

/** The kernels of one backend. Swap a kernel by registering another with a higher priority. */
export class KernelRegistry {
  readonly #entries = new Map<string, Entry[]>();

  constructor(
    private readonly backend: Backend,
    /** Whether an operation's own reference kernel serves when no other does (true on the reference backend only). */
    private readonly useReferenceKernels = false,
  ) {}

  /** Adds a kernel; higher priority is asked first, later registration wins among equals. */
  register<Call, Result>(
    operation: Operation<Call, Result>,
    kernel: Kernel<Call, Result>,
    options: { priority?: number } = {},
  ): void {
    const entries = this.#entries.get(operation.name) ?? [];
    entries.unshift({ kernel, priority: options.priority ?? 0 });
    entries.sort((a, b) => b.priority - a.priority);
    this.#entries.set(operation.name, entries);
  }

  /**
   * The first kernel that supports the call.
   * @throws UnsupportedOperationError with every kernel's reasons.
   */
  resolve<Call, Result>(operation: Operation<Call, Result>, call: Call): Kernel<Call, Result> {
    const kernel = this.find(operation, call);
    if (kernel !== undefined) return kernel;
    throw new UnsupportedOperationError(this.backend.name, operation.name, this.explain(operation, call));
  }

  /** The same, for callers that know another way: undefined where no kernel supports the call. */
  find<Call, Result>(operation: Operation<Call, Result>, call: Call): Kernel<Call, Result> | undefined {
    // Hundreds of times a token: nothing is allocated here.
    for (const { kernel } of this.#entries.get(operation.name) ?? noEntries) {
      const own = kernel as Kernel<Call, Result>;
      if (own.supports(call).length === 0) return own;
    }
    const { reference } = operation;
    return this.useReferenceKernels && reference.supports(call).length === 0 ? reference : undefined;
  }

  /** Resolves and runs. */
  run<Call, Result>(operation: Operation<Call, Result>, call: Call): Result {
    return this.resolve(operation, call).run(call, this.backend);
  }

  /** What every kernel says to the call, in the order they are asked; feeds errors, logs and `doctor`. */
  explain<Call, Result>(operation: Operation<Call, Result>, call: Call): readonly KernelRefusal[] {
    return this.#candidates(operation).map((kernel) => ({ kernel: kernel.name, reasons: kernel.supports(call) }));
  }

  /** Names of the operations that have a kernel of this backend's own, with those kernels' names. */
  list(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#entries].map(([name, entries]) => [name, entries.map((entry) => entry.kernel.name)]));
  }

  #candidates<Call, Result>(operation: Operation<Call, Result>): readonly Kernel<Call, Result>[] {
    const own = (this.#entries.get(operation.name) ?? []).map((entry) => entry.kernel as Kernel<Call, Result>);
    return this.useReferenceKernels ? [...own, operation.reference] : own;
  }
}
