import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A head list that is damaged or does not belong to the model. */
export class HeadListError extends ElasticAttentionError {
  static {
    this.register("HeadListError");
  }

  constructor(message: string) {
    super("HEAD_LIST", message, { hint: "Make a new list with `elastic-attention heads` for this model." });
  }
}
