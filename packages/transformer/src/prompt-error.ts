import { ElasticAttentionError } from "@elastic-attention/tensor";

/** A prompt that the model cannot take; nothing was computed. */
export class PromptError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("PROMPT", message, hint === undefined ? {} : { hint });
  }
}
