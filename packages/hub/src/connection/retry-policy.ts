/** A pause before the hub is asked again. */
export interface HubWait {
  /** What it answered: 429 or 5xx. */
  readonly status: number;
  readonly seconds: number;
}

const attempts = 4;
/** Before the second attempt, in seconds; longer before each further one. */
const pause = 0.4;
/** The hub counts requests over five minutes. Whoever is to wait longer is told so instead. */
const longestWait = 300;

/** Seconds to wait before the next attempt; undefined where asking again does not help. */
export function waitBefore(attempt: number, { status, headers }: Pick<Response, "status" | "headers">): number | undefined {
  if (attempt === attempts || !(status === 429 || status >= 500)) return undefined;
  const asked = waitSeconds(headers);
  if (asked === undefined) return pause * attempt;
  return asked > longestWait ? undefined : asked;
}

/** How long the hub asks to wait: seconds or a date in Retry-After, else the `t` of RateLimit. */
export function waitSeconds(headers: Pick<Headers, "get">): number | undefined {
  const after = headers.get("retry-after")?.trim();
  if (after !== undefined && /^\d+(\.\d+)?$/.test(after)) return Number(after);
  const date = after === undefined ? Number.NaN : Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, (date - Date.now()) / 1000);
  const rest = /(?:^|;)\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  return rest === undefined ? undefined : Number(rest);
}
