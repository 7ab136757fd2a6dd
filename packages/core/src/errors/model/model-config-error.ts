import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A config.json that is missing, damaged, or contradicts itself or its tensors. */
export class ModelConfigError extends ElasticAttentionError {
  static {
    this.register("ModelConfigError");
  }

  constructor(message: string, hint?: string) {
    super("MODEL_CONFIG", message, hint === undefined ? {} : { hint });
  }
}
