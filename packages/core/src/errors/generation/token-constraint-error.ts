import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A token constraint failed, or leaves an answer without a token that it may go on with. */
export class TokenConstraintError extends ElasticAttentionError {
  static {
    this.register("TokenConstraintError");
  }

  constructor(name: string, problem: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TOKEN_CONSTRAINT", `Token constraint "${name}" ${problem}`, options);
  }
}
