import { ElasticAttentionError } from "@elastic-attention/tensor";

/** A pack that cannot be trained on; nothing was computed. */
export class TrainingPackError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("TRAINING_PACK", message, hint === undefined ? {} : { hint });
  }
}
