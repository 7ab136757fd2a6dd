import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A collective call was wrong, or failed: ranks that disagree, a closed communicator, a lost peer. */
export class CommunicatorError extends ElasticAttentionError {
  static {
    this.register("CommunicatorError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("COMMUNICATOR", message, options);
  }
}
