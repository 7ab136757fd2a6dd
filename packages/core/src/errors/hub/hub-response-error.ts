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
    /** How long the hub asks to wait, where it does. */
    readonly waitSeconds?: number,
  ) {
    const wait = waitSeconds === undefined ? "Try again later" : `Try again in ${Math.ceil(waitSeconds)} s`;
    const limit = status === 429 ? "; accounts are allowed more: set HF_TOKEN" : "";
    super("HUB_RESPONSE", message, { hint: `${wait}; what was fetched so far is kept${limit}.`, cause });
  }
}
