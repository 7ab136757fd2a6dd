import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Base of all errors of this package. */
export class HubError extends ElasticAttentionError {
  static {
    this.register("HubError");
  }
}
