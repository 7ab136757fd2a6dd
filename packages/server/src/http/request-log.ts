import type { FastifyRequest } from "fastify";
import type { ServerContext } from "../server-context.js";
import type { App } from "./app.js";

/** Most characters of a prompt that are logged, where prompts are. */
const loggedPrompt = 10_000;

/** One line a request, when it is over, also where its client has gone. */
export function logRequests(app: App, { options }: Pick<ServerContext, "options">): void {
  if (options.logger === undefined) return;
  const write = (request: FastifyRequest, status: number, milliseconds: number, isAborted: boolean) => {
    // Probes come every few seconds.
    if (request.routeOptions.config.isOpen === true && status < 400) return;
    request.log.info(
      {
        method: request.method,
        path: request.url.split("?")[0],
        status,
        ms: Math.round(milliseconds),
        client: request.ip,
        ...(isAborted ? { aborted: true } : {}),
        ...request.answerLog?.answer,
        ...(options.logsPrompts ? { body: JSON.stringify(request.body)?.slice(0, loggedPrompt) } : {}),
      },
      "request",
    );
  };
  app.addHook("onResponse", async (request, reply) => write(request, reply.statusCode, reply.elapsedTime, !reply.raw.writableFinished));
}
