import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Another rank could not do its share of a common piece of work, which has ended on all of them; that rank says why. */
export class RankFailedError extends ElasticAttentionError {
  static {
    this.register("RankFailedError");
  }

  constructor(message = "Another rank has failed in the same step.", options: { hint?: string; cause?: unknown } = {}) {
    super("RANK_FAILED", message, options);
  }
}
