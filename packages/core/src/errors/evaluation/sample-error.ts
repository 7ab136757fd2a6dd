import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A sample cannot be made or run as it stands: longer than the context, or no chat template for it. */
export class SampleError extends ElasticAttentionError {
  static {
    this.register("SampleError");
  }

  constructor(message: string, hint?: string) {
    super("SAMPLE", message, hint === undefined ? {} : { hint });
  }
}
