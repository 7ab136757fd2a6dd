import { HubError } from "./hub-error.js";

/** A repository that is private or gated, or one that is not there: without a token the hub does not say which. */
export class HubAccessError extends HubError {
  static {
    this.register("HubAccessError");
  }

  constructor(
    /** HTTP status: 401 or 403. */
    readonly status: number,
    what: string,
    withToken: boolean,
  ) {
    super("HUB_ACCESS", `The hub does not give access to ${what} (${status}).`, {
      hint: withToken
        ? "The token of HF_TOKEN has no access: accept the repository's terms on its page with the same account, or check its name."
        : "Check its name. If it is private or gated, accept its terms on its page, and set HF_TOKEN to an access token of that account.",
    });
  }
}
