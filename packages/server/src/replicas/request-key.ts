import type { IncomingHttpHeaders } from "node:http";

/** What a request is given to a replica by. */
export interface RequestKey {
  /** The conversation that one replica holds; undefined: any replica will do. */
  readonly session: string | undefined;
  /** Its prompt as text, in the order in which a model reads it. */
  readonly prompt: string;
}

/** Looks into a body for what it is about; a body that is damaged is for a replica to refuse. */
export function requestKey(url: string, headers: IncomingHttpHeaders, body: Buffer | undefined): RequestKey {
  const parsed = body === undefined || body.length === 0 ? {} : parse(body);
  const named = /^\/v1\/elastic\/sessions\/([^/?]+)/.exec(url)?.[1];
  const session = named === undefined ? (textAt(parsed, "elastic", "session") ?? header(headers["x-elastic-session"])) : decoded(named);
  // Names of sessions belong to keys.
  const owner = header(headers.authorization) ?? header(headers["x-api-key"]) ?? "";
  return { session: session === undefined ? undefined : `${owner}\n${session}`, prompt: promptOf(parsed) };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return {};
  }
}

function promptOf(body: unknown): string {
  const { system, instructions, messages, prompt, input } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  return [system, instructions, messages, prompt, input].filter((part) => part !== undefined).map(written).join("\n");
}

/** Texts in their order, and of everything else what tells it from others. */
function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let inner = value;
  for (const name of path) inner = typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[name] : undefined;
  return typeof inner === "string" && inner !== "" ? inner : undefined;
}

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
