import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A tape was used in a way that would give wrong gradients: a value overwritten too early, an undeclared input. */
export class TapeError extends ElasticAttentionError {
  static {
    this.register("TapeError");
  }

  constructor(message: string, hint?: string) {
    super("TAPE", message, hint === undefined ? {} : { hint });
  }
}
