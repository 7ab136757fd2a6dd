import { ElasticAttentionError } from "../elastic-attention-error.js";

/** The tokenizer files of a model are missing or cannot be read. */
export class TokenizerError extends ElasticAttentionError {
  static {
    this.register("TokenizerError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TOKENIZER", message, options);
  }
}
