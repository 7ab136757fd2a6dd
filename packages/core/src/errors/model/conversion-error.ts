import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A model that cannot be written in the format that was asked for; nothing was written. */
export class ConversionError extends ElasticAttentionError {
  static {
    this.register("ConversionError");
  }

  constructor(message: string, hint: string) {
    super("CONVERSION", message, { hint });
  }
}
