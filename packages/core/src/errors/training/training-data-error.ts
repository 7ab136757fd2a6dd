import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A row or file of training data that cannot be used; the message says where it stands. */
export class TrainingDataError extends ElasticAttentionError {
  static {
    this.register("TrainingDataError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TRAINING_DATA", message, options);
  }
}
