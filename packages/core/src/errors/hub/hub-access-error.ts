import { HubError } from "./hub-error.js";

/** What is known of a repository that access is refused to. */
export interface RefusedAccess {
  /** Whether a token was sent. */
  readonly withToken: boolean;
  /** Its owner lets in who has accepted its terms. */
  readonly gated?: boolean;
  /** Address of its page. */
  readonly page?: string;
}

/** A repository that is private or gated, or one that is not there: without a token the hub does not say which. */
export class HubAccessError extends HubError {
  static {
    this.register("HubAccessError");
  }

  /** The repository is there, and its owner lets in who has accepted its terms. */
  readonly gated: boolean;

  constructor(
    /** HTTP status: 401 or 403. */
    readonly status: number,
    what: string,
    { withToken, gated = false, page }: RefusedAccess,
  ) {
    super("HUB_ACCESS", `The hub does not give access to ${what} (${status}${gated ? ", gated" : ""}).`, { hint: hint(withToken, gated, page) });
    this.gated = gated;
  }
}

function hint(withToken: boolean, gated: boolean, page = "its page"): string {
  if (gated && withToken) return `The token of HF_TOKEN has no access: accept the terms on ${page} with the account of the token. Where an owner decides, wait for the answer.`;
  if (gated) return `Accept its terms on ${page}, make an access token in the settings of that account, and set HF_TOKEN to it.`;
  if (withToken) return `The token of HF_TOKEN has no access: accept the repository's terms on ${page} with the same account, or check its name.`;
  return `Check its name. If it is private or gated, accept its terms on ${page}, and set HF_TOKEN to an access token of that account.`;
}
