import { ElasticAttentionError } from "@elastic-attention/core";
import type { FastifyBaseLogger } from "fastify";
import type { CheckedServerOptions } from "../server-options.js";

/** What can listen: a web application of any kind. */
interface Listening {
  readonly log: FastifyBaseLogger;
  listen(address: { readonly host: string; readonly port: number }): Promise<string>;
}

/**
 * Listens, without the framework's own line, so that a line of the log is a request or an error.
 * @throws ElasticAttentionError for an address that cannot be listened on
 */
export async function listen(app: Listening, { host, port, logger }: Pick<CheckedServerOptions, "host" | "port" | "logger">): Promise<void> {
  const level = logger?.level ?? "silent";
  app.log.level = "silent";
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, `${host}:${port}`);
  } finally {
    app.log.level = level;
  }
}

function listenError(cause: NodeJS.ErrnoException, address: string): ElasticAttentionError {
  const [why, hint] = (
    {
      EADDRINUSE: ["it is in use", "Take another port (0 is a free one), or stop the program that listens there."],
      EACCES: ["this user may not", "Take a port of 1024 or above."],
      EADDRNOTAVAIL: ["this machine does not have it", "127.0.0.1 is this machine alone, 0.0.0.0 every network."],
      ENOTFOUND: ["nobody knows that name", "127.0.0.1 is this machine alone, 0.0.0.0 every network."],
    } as Readonly<Record<string, readonly [string, string]>>
  )[cause.code ?? ""] ?? [cause.message, undefined];
  return new ElasticAttentionError("ADDRESS_UNAVAILABLE", `Cannot listen on ${address}: ${why}.`, { cause, ...(hint === undefined ? {} : { hint }) });
}
