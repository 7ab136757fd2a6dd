import { ElasticAttentionError } from "../elastic-attention-error.js";

/** The worker thread of an engine could not start, ended by itself, or failed with an error that is not this project's. */
export class EngineWorkerError extends ElasticAttentionError {
  static {
    this.register("EngineWorkerError");
  }

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("ENGINE_WORKER", message, options);
  }
}
