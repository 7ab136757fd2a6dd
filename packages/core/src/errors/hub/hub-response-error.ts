import { HubError } from "./hub-error.js";

/** The hub answered with something else than was asked for: too many requests, a failure of its own, a wrong form. */
export class HubResponseError extends HubError {
  static {
    this.register("HubResponseError");
  }

  constructor(
    message: string,
    /** HTTP status, where there is one. */
    readonly status?: number,
    cause?: unknown,
  ) {
    super("HUB_RESPONSE", message, { hint: "Try again later; what was fetched so far is kept.", cause });
  }
}
