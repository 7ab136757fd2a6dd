import { ElasticAttentionError } from "@elastic-attention/tensor";

/** The way between processes that was asked for cannot be used on this machine; `reasons` says why. */
export class CommunicatorUnavailableError extends ElasticAttentionError {
  constructor(
    readonly communicator: string,
    readonly reasons: readonly string[],
    hint: string,
  ) {
    super("COMMUNICATOR_UNAVAILABLE", `${communicator} is not available: ${reasons.join("; ")}.`, { hint });
  }
}

/** A collective call was wrong, or failed: ranks that disagree, a closed communicator, a lost peer. */
export class CommunicatorError extends ElasticAttentionError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("COMMUNICATOR", message, options);
  }
}
