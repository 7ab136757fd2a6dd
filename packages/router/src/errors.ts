import { ElasticAttentionError } from "@elastic-attention/tensor";

/** Router weights or settings that this package cannot run, and why. */
export class UnsupportedRouterError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("UNSUPPORTED_ROUTER", message, hint === undefined ? {} : { hint });
  }
}

/** A head list that is damaged or does not belong to the model. */
export class HeadListError extends ElasticAttentionError {
  constructor(message: string) {
    super("HEAD_LIST", message, { hint: "Make a new list with `elastic-attention heads` for this model." });
  }
}
