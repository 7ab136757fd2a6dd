import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A mode is unknown or its settings make no sense. */
export class InvalidModeError extends ElasticAttentionError {
  static {
    this.register("InvalidModeError");
  }

  constructor(message: string, hint?: string) {
    super("INVALID_MODE", message, hint === undefined ? {} : { hint });
  }
}
