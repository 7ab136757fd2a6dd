import { HubError } from "./hub-error.js";

/** Nothing answered at the hub's address, or the connection broke and did not come back. */
export class HubUnreachableError extends HubError {
  static {
    this.register("HubUnreachableError");
  }

  constructor(endpoint: string, cause: unknown) {
    super("HUB_UNREACHABLE", `${endpoint} cannot be reached: ${causeText(cause)}.`, {
      hint: "Check the network. HF_ENDPOINT names another hub or a mirror; files that were fetched once are used without a network.",
      cause,
    });
  }
}

/** The innermost cause says most: fetch wraps it. */
function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const inner = cause.cause ?? (cause instanceof AggregateError ? cause.errors[0] : undefined);
  return inner === undefined ? cause.message || cause.name : causeText(inner);
}
