import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A request that cannot be run as it stands; nothing was computed. */
export class InvalidRequestError extends ElasticAttentionError {
  static {
    this.register("InvalidRequestError");
  }

  constructor(message: string, hint?: string) {
    super("INVALID_REQUEST", message, hint === undefined ? {} : { hint });
  }
}
