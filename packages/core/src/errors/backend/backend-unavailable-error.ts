import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A backend that was asked for is unknown or cannot start on this machine. */
export class BackendUnavailableError extends ElasticAttentionError {
  static {
    this.register("BackendUnavailableError");
  }

  constructor(
    readonly backendName: string,
    readonly reasons: readonly string[],
    hint: string,
  ) {
    super("BACKEND_UNAVAILABLE", `Backend "${backendName}" is not available: ${reasons.join("; ")}.`, { hint });
  }
}
