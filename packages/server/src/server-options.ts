import { InvalidRequestError } from "@elastic-attention/core";
import type { GenerationRequest } from "@elastic-attention/generation";
import type { Logger } from "pino";

/** How a server listens, what it lets in, and how patient it is. */
export interface ServerOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** Default 8080; 0 takes a free one. */
  readonly port?: number;
  /** What clients call the model; default: as the engine does. */
  readonly modelId?: string;
  /** Keys of which every request but those for health has to bring one; none: everybody is let in. */
  readonly apiKeys?: readonly string[];
  /**
   * Whether the engine's thread has loaded `@elastic-attention/server/constraints`, so that `response_format`, strict tools and
   * forced calls are enforced; default false: they are refused.
   */
  readonly enforcesFormats?: boolean;
  /** Folder in which `/v1/elastic/sessions/NAME/save` keeps conversations; default: none are kept on disk. */
  readonly sessionFolder?: string;
  /** Folder of a page that is served at `/`, such as the inspector's; it and its files need no key. */
  readonly page?: string;
  /** Origins whose pages may ask; default none. `*` is all of them. */
  readonly corsOrigins?: readonly string[];
  /** Key and certificate in PEM. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer } | undefined;
  /** Whether a proxy on this machine stands in front, which says in `x-forwarded-for` who its clients are; default false. */
  readonly isBehindProxy?: boolean;
  /** Called when the device is lost to this process, or the engine does not start again in it: only another process can compute. */
  readonly onDeviceLost?: (error: Error) => void;
  /** How the heads of requests that say nothing of it are routed; default: as the engine does. */
  readonly routing?: Pick<GenerationRequest, "mode" | "sparsity" | "router" | "decode">;
  /** Requests that the engine computes together; default 64. What is beyond waits. */
  readonly maximumRunning?: number;
  /** Requests that may wait; beyond them 429. Default 256. */
  readonly maximumQueue?: number;
  /** Longest prompt in tokens; default: what the model's context holds. */
  readonly maximumPromptTokens?: number;
  /** Longest answer in tokens, also where a request names no limit; default: up to the end of the model's context. */
  readonly maximumAnswerTokens?: number;
  /** Largest body in bytes; default 32 MiB. */
  readonly bodyLimitBytes?: number;
  /** How long a client may take to send a request, headers and body; default 60 000. */
  readonly requestTimeoutMilliseconds?: number;
  /** How long an idle connection stays open; default 75 000. */
  readonly idleTimeoutMilliseconds?: number;
  /** Between two signs of life while a prompt is read; default 10 000. */
  readonly heartbeatMilliseconds?: number;
  /** How long an answer that is not streamed may take before its headers are sent without it; default 60 000. */
  readonly patienceMilliseconds?: number;
  /** A client that is further behind with reading is cut off; default 4 MiB. */
  readonly unreadLimitBytes?: number;
  /** How long the events of streamed answers are gathered before they are written, while 16 or more are streamed; 0: never. Default 50. */
  readonly gatherMilliseconds?: number;
  /** How long running answers may take after the server was told to stop; default 30 000. */
  readonly drainMilliseconds?: number;
  /** Gets a line for each request; default: nothing is logged. */
  readonly logger?: Logger;
  /** Whether prompts are logged; default false. */
  readonly logsPrompts?: boolean;
}

export type CheckedServerOptions = Required<Omit<ServerOptions, "modelId" | "sessionFolder" | "page" | "tls" | "onDeviceLost" | "logger" | "maximumPromptTokens" | "maximumAnswerTokens">> &
  Pick<ServerOptions, "modelId" | "sessionFolder" | "page" | "tls" | "onDeviceLost" | "logger" | "maximumPromptTokens" | "maximumAnswerTokens">;

const defaults = {
  host: "127.0.0.1",
  port: 8080,
  apiKeys: [],
  routing: {},
  corsOrigins: [],
  maximumRunning: 64,
  maximumQueue: 256,
  bodyLimitBytes: 32 * 1024 ** 2,
  requestTimeoutMilliseconds: 60_000,
  idleTimeoutMilliseconds: 75_000,
  heartbeatMilliseconds: 10_000,
  patienceMilliseconds: 60_000,
  unreadLimitBytes: 4 * 1024 ** 2,
  gatherMilliseconds: 50,
  drainMilliseconds: 30_000,
  logsPrompts: false,
  enforcesFormats: false,
  isBehindProxy: false,
} as const;

const lowest: Partial<Record<keyof ServerOptions, number>> = {
  port: 0,
  maximumRunning: 1,
  maximumQueue: 0,
  maximumPromptTokens: 1,
  maximumAnswerTokens: 1,
  bodyLimitBytes: 1,
  requestTimeoutMilliseconds: 1,
  idleTimeoutMilliseconds: 1,
  heartbeatMilliseconds: 1,
  patienceMilliseconds: 1,
  unreadLimitBytes: 1,
  gatherMilliseconds: 0,
  drainMilliseconds: 0,
};

/** @throws InvalidRequestError for an option out of range, naming it */
export function checkServerOptions(options: ServerOptions): CheckedServerOptions {
  for (const [name, minimum] of Object.entries(lowest)) {
    const value = options[name as keyof ServerOptions];
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= minimum)) {
      throw new InvalidRequestError(`${name} must be a whole number, ${minimum} or more, found ${JSON.stringify(value)}.`);
    }
  }
  const weak = options.apiKeys?.findIndex((key) => key.trim() === "" || /\s/.test(key)) ?? -1;
  if (weak >= 0) throw new InvalidRequestError(`API key ${weak + 1} is empty or has white space in it.`, "Give one key a line.");
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ServerOptions;
  return { ...defaults, ...given };
}
