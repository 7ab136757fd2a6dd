import type { FastifyReply, FastifyRequest } from "fastify";

/** Aborted when the client closes its connection before the reply has been sent. */
export function clientGone(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const closed = () => {
    if (!reply.raw.writableFinished) controller.abort(new Error("The client has gone."));
  };
  reply.raw.once("close", closed);
  if (request.raw.destroyed && reply.raw.destroyed) closed();
  return controller.signal;
}
