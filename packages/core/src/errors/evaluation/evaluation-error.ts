import { ElasticAttentionError } from "../elastic-attention-error.js";

/** An evaluation cannot be started, resumed or compared as it was asked for. */
export class EvaluationError extends ElasticAttentionError {
  static {
    this.register("EvaluationError");
  }

  constructor(message: string, hint?: string) {
    super("EVALUATION", message, hint === undefined ? {} : { hint });
  }
}
