import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A saved session that cannot be restored: its file is missing or damaged, or belongs to another model. */
export class SavedSessionError extends ElasticAttentionError {
  static {
    this.register("SavedSessionError");
  }

  constructor(
    readonly path: string,
    problem: string,
    hint = "Begin the session anew: send its prompt again.",
  ) {
    super("SAVED_SESSION", `${path} ${problem}`, { hint });
  }
}
