import { HubError } from "./hub-error.js";

/** A name, revision or path that cannot be one of the hub, or a token that cannot be one. */
export class HubRequestError extends HubError {
  static {
    this.register("HubRequestError");
  }

  constructor(message: string, hint: string) {
    super("HUB_REQUEST", message, { hint });
  }
}
