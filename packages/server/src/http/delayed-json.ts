import { PassThrough } from "node:stream";
import type { FastifyReply } from "fastify";

export interface DelayedJsonOptions {
  /** How long an answer may take before its headers are sent without it. */
  readonly patienceMilliseconds: number;
  readonly heartbeatMilliseconds: number;
}

/**
 * Answers with JSON that may take minutes: clients give up after 300 seconds without headers or bytes. An answer that comes
 * soon has its own status; for a later one the headers go out first, then spaces, which JSON allows in front. An error then
 * breaks the connection off, as the status has been sent.
 */
export async function sendDelayedJson(reply: FastifyReply, answer: Promise<object>, { patienceMilliseconds, heartbeatMilliseconds }: DelayedJsonOptions): Promise<FastifyReply> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), patienceMilliseconds)));
  let soon: object | undefined;
  try {
    soon = await Promise.race([answer, patience]);
  } finally {
    clearTimeout(timer);
  }
  if (soon !== undefined) return reply.send(soon);
  const body = new PassThrough();
  body.write(" ");
  const heartbeat = setInterval(() => body.write(" "), heartbeatMilliseconds);
  body.once("close", () => clearInterval(heartbeat));
  answer.then(
    (late) => body.end(JSON.stringify(late)),
    (error: Error) => body.destroy(error),
  );
  return reply.type("application/json; charset=utf-8").send(body);
}
