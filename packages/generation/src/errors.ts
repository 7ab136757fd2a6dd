import { ElasticAttentionError } from "@elastic-attention/tensor";

/** A request that cannot be run as it stands; nothing was computed. */
export class InvalidRequestError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("INVALID_REQUEST", message, hint === undefined ? {} : { hint });
  }
}

/** The model's chat template cannot be rendered with these messages. `cause` is the template's own error, with its place. */
export class ChatTemplateError extends InvalidRequestError {
  constructor(message: string, hint: string | undefined, cause: Error) {
    super(message, hint);
    this.cause = cause;
  }
}

/** The tokenizer files of a model are missing or cannot be read. */
export class TokenizerError extends ElasticAttentionError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TOKENIZER", message, options);
  }
}

/** The worker thread of an engine could not start, ended by itself, or failed with an error that is not this project's. */
export class EngineWorkerError extends ElasticAttentionError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("ENGINE_WORKER", message, options);
  }
}
