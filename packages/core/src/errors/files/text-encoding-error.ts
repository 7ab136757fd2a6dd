import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Bytes that were to be a text and are in no encoding that is read, or are no text at all. */
export class TextEncodingError extends ElasticAttentionError {
  static {
    this.register("TextEncodingError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TEXT_ENCODING", message, options);
  }
}
