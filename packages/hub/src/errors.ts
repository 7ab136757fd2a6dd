import { ElasticAttentionError } from "@elastic-attention/tensor";

/** Base of all errors of this package. */
export class HubError extends ElasticAttentionError {}

/** Nothing answered at the hub's address, or the connection broke and did not come back. */
export class HubUnreachableError extends HubError {
  constructor(endpoint: string, cause: unknown) {
    super("HUB_UNREACHABLE", `${endpoint} cannot be reached: ${causeText(cause)}.`, {
      hint: "Check the network. HF_ENDPOINT names another hub or a mirror; files that were fetched once are used without a network.",
      cause,
    });
  }
}

/** There is no such repository, revision or file. */
export class HubNotFoundError extends HubError {
  constructor(what: string, hint = "Check the name; capitals count.") {
    super("HUB_NOT_FOUND", `The hub has no ${what}.`, { hint });
  }
}

/** A repository that is private or gated, or one that is not there: without a token the hub does not say which. */
export class HubAccessError extends HubError {
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

/** The hub answered with something else than was asked for: too many requests, a failure of its own, a wrong form. */
export class HubResponseError extends HubError {
  constructor(
    message: string,
    /** HTTP status, where there is one. */
    readonly status?: number,
    cause?: unknown,
  ) {
    super("HUB_RESPONSE", message, { hint: "Try again later; what was fetched so far is kept.", cause });
  }
}

/** A file is not the one that the hub lists: its size or hash differs. */
export class ChecksumError extends HubError {
  constructor(path: string, expected: string, found: string) {
    super("CHECKSUM", `${path} is damaged: expected ${expected}, found ${found}.`, {
      hint: "Fetch it again; if that does not help, something between here and the hub changes what it carries.",
    });
  }
}

/** HF_HUB_OFFLINE is set, and the cache does not have what was asked for. */
export class HubOfflineError extends HubError {
  constructor(what: string, cacheFolder: string) {
    super("HUB_OFFLINE", `${what} is not in the cache ${cacheFolder}, and the hub is not asked.`, {
      hint: "Unset HF_HUB_OFFLINE to fetch it, or point HF_HOME at the cache that has it.",
    });
  }
}

/** The disk of the cache has no room. */
export class DiskFullError extends HubError {
  constructor(folder: string, neededBytes: number, cause?: unknown) {
    super("DISK_FULL", `There is no room in ${folder} for ${(neededBytes / 1e6).toFixed(1)} MB.`, {
      hint: "Free some, or point HF_HOME at a larger disk.",
      cause,
    });
  }
}

/** A name, revision or path that cannot be one of the hub, or a token that cannot be one. */
export class HubRequestError extends HubError {
  constructor(message: string, hint: string) {
    super("HUB_REQUEST", message, { hint });
  }
}

/** An archive is cut short or not a zip archive. */
export class DamagedArchiveError extends HubError {
  constructor(path: string, problem: string, cause?: unknown) {
    super("DAMAGED_ARCHIVE", `${path} cannot be unpacked: ${problem}.`, { hint: "It was cut short or is no zip archive; fetch it again.", cause });
  }
}

/** An archive that would write outside of its folder, make links, or fill the disk. Nothing of it is kept. */
export class HostileArchiveError extends HubError {
  constructor(path: string, problem: string) {
    super("HOSTILE_ARCHIVE", `${path} is not unpacked: ${problem}.`, {
      hint: "Do not trust its source. If you know it to be right, unpack it yourself and name the folder.",
    });
  }
}

/** The innermost cause says most: fetch wraps it. */
function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const inner = cause.cause ?? (cause instanceof AggregateError ? cause.errors[0] : undefined);
  return inner === undefined ? cause.message || cause.name : causeText(inner);
}
