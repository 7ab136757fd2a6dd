import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Data of a benchmark are missing, cut short, or not in the published form. */
export class DatasetError extends ElasticAttentionError {
  static {
    this.register("DatasetError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("DATASET", message, options);
  }
}
