import { HubError } from "./hub-error.js";

/** There is no such repository, revision or file. */
export class HubNotFoundError extends HubError {
  static {
    this.register("HubNotFoundError");
  }

  constructor(what: string, hint = "Check the name; capitals count.") {
    super("HUB_NOT_FOUND", `The hub has no ${what}.`, { hint });
  }
}
