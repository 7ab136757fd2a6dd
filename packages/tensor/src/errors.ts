/**
 * Base of every error this project throws on purpose. `code` is stable and meant for programs, `message` for people,
 * `hint` says what to do next.
 */
export class ElasticAttentionError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(options.hint === undefined ? message : `${message}\n  hint: ${options.hint}`, { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }

  /** True for errors of this project, also when two copies of the package are installed. */
  static is(error: unknown): error is ElasticAttentionError {
    return error instanceof Error && marker in error;
  }
}

const marker = Symbol.for("@elastic-attention/error");
Object.defineProperty(ElasticAttentionError.prototype, marker, { value: true });

/** A tensor, weight or backend was used after it was disposed. */
export class DisposedError extends ElasticAttentionError {
  constructor(what: string) {
    super("DISPOSED", `${what} was used after it was disposed.`, {
      hint: "Keep the owner alive (a view does not own its memory) or move the use inside the scope.",
    });
  }
}

/** Shapes, dtypes or strides of a call contradict each other. */
export class ShapeError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("SHAPE", message, hint === undefined ? {} : { hint });
  }
}

/** No memory left on a device, or a configured limit reached. The backend stays usable. */
export class OutOfMemoryError extends ElasticAttentionError {
  constructor(
    readonly backendName: string,
    readonly requestedBytes: number,
    readonly liveBytes: number,
    readonly limitBytes: number | undefined,
    /** What was asked for, where it is more than one allocation: refused before any work. */
    readonly purpose?: string,
  ) {
    const limit = limitBytes === undefined ? "" : ` of at most ${limitBytes}`;
    const problem = purpose === undefined ? `cannot allocate ${requestedBytes} bytes` : `${purpose} needs ${requestedBytes} bytes more`;
    super("OUT_OF_MEMORY", `${backendName}: ${problem} (${liveBytes}${limit} in use).`, {
      hint: "Shorten the prompt, lower the batch, or raise the sparsity so that more heads drop their keys and values.",
    });
  }
}

/** One kernel that was considered for a call and why it cannot run it. */
export interface KernelRefusal {
  readonly kernel: string;
  readonly reasons: readonly string[];
}

/** No registered kernel can run this call; `refusals` lists each one with its reasons. */
export class UnsupportedOperationError extends ElasticAttentionError {
  constructor(
    readonly backendName: string,
    readonly operation: string,
    readonly refusals: readonly KernelRefusal[],
  ) {
    const detail =
      refusals.length === 0
        ? "no kernel is registered for it"
        : refusals.map((refusal) => `${refusal.kernel}: ${refusal.reasons.join("; ")}`).join(" | ");
    super("UNSUPPORTED_OPERATION", `Backend "${backendName}" cannot run "${operation}": ${detail}.`, {
      hint: "Register a kernel for this case, or choose another dtype or backend (`elastic-attention doctor` lists them).",
    });
  }
}

/** A backend that was asked for is unknown or cannot start on this machine. */
export class BackendUnavailableError extends ElasticAttentionError {
  constructor(
    readonly backendName: string,
    readonly reasons: readonly string[],
    hint: string,
  ) {
    super("BACKEND_UNAVAILABLE", `Backend "${backendName}" is not available: ${reasons.join("; ")}.`, { hint });
  }
}
