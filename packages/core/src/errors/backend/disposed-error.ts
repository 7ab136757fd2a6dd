import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A tensor, weight or backend was used after it was disposed. */
export class DisposedError extends ElasticAttentionError {
  static {
    this.register("DisposedError");
  }

  constructor(what: string) {
    super("DISPOSED", `${what} was used after it was disposed.`, {
      hint: "Keep the owner alive (a view does not own its memory) or move the use inside the scope.",
    });
  }
}
