import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A prompt that the model cannot take; nothing was computed. */
export class PromptError extends ElasticAttentionError {
  static {
    this.register("PromptError");
  }

  constructor(message: string, hint?: string) {
    super("PROMPT", message, hint === undefined ? {} : { hint });
  }
}
