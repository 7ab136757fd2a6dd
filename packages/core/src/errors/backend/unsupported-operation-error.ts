import { ElasticAttentionError } from "../elastic-attention-error.js";

/** One kernel that was considered for a call and why it cannot run it. */
export interface KernelRefusal {
  readonly kernel: string;
  readonly reasons: readonly string[];
}

/** No registered kernel can run this call; `refusals` lists each one with its reasons. */
export class UnsupportedOperationError extends ElasticAttentionError {
  static {
    this.register("UnsupportedOperationError");
  }

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
