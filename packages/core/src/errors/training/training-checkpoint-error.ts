import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A checkpoint of a training run that is damaged or belongs to another run. */
export class TrainingCheckpointError extends ElasticAttentionError {
  static {
    this.register("TrainingCheckpointError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TRAINING_CHECKPOINT", message, options);
  }
}
