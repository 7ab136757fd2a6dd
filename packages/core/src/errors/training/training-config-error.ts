import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A setting of a training run that cannot be; `key` names it as the config file does. */
export class TrainingConfigError extends ElasticAttentionError {
  static {
    this.register("TrainingConfigError");
  }

  constructor(
    message: string,
    hint?: string,
    readonly key?: string,
  ) {
    super("TRAINING_CONFIG", message, hint === undefined ? {} : { hint });
  }
}
