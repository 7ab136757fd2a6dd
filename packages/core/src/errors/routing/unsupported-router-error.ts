import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Router weights or settings that this package cannot run, and why. */
export class UnsupportedRouterError extends ElasticAttentionError {
  static {
    this.register("UnsupportedRouterError");
  }

  constructor(message: string, hint?: string) {
    super("UNSUPPORTED_ROUTER", message, hint === undefined ? {} : { hint });
  }
}
