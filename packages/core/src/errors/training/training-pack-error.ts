import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A pack that cannot be trained on; nothing was computed. */
export class TrainingPackError extends ElasticAttentionError {
  static {
    this.register("TrainingPackError");
  }

  constructor(message: string, hint?: string) {
    super("TRAINING_PACK", message, hint === undefined ? {} : { hint });
  }
}
