import { ElasticAttentionError } from "../elastic-attention-error.js";

/** The way between processes that was asked for cannot be used on this machine; `reasons` says why. */
export class CommunicatorUnavailableError extends ElasticAttentionError {
  static {
    this.register("CommunicatorUnavailableError");
  }

  constructor(
    readonly communicator: string,
    readonly reasons: readonly string[],
    hint: string,
  ) {
    super("COMMUNICATOR_UNAVAILABLE", `${communicator} is not available: ${reasons.join("; ")}.`, { hint });
  }
}
