import { ElasticAttentionError } from "../elastic-attention-error.js";

/** An option that is unknown, has a value that is not allowed, or does not go with another; nothing was started. */
export class InvalidOptionError extends ElasticAttentionError {
  static {
    this.register("InvalidOptionError");
  }

  constructor(
    message: string,
    /** As the user wrote it: "--sparsity" on a command line, "sparsity" in a file. */
    readonly option: string,
    hint?: string,
  ) {
    super("INVALID_OPTION", message, hint === undefined ? {} : { hint });
  }
}
