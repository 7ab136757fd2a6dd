import { PassThrough, type Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Dispatcher } from "undici";
import { ApiError } from "../errors/api-error.js";
import { errorEvent } from "../errors/error-body.js";
import { eventText } from "../http/event-stream.js";
import type { ReplicaProcess } from "./replica-process.js";

/** Headers that belong to one connection. */
const ofConnection = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer", "host", "content-length", "expect"]);

/** Whether a replica has never seen the request that failed: another one may have it. One that it died of is for nobody else. */
export function wasNotSent({ cause }: Error): boolean {
  return cause === undefined || (cause as NodeJS.ErrnoException).code === "ECONNREFUSED";
}

/** Sends a request to a replica. @throws ApiError 503 where it is not there, or ends before it answers */
export async function askReplica(replica: ReplicaProcess, request: FastifyRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const { pool } = replica;
  if (pool === undefined) throw notThere();
  const headers = forwarded(request.headers);
  headers["x-request-id"] = request.id;
  headers["x-forwarded-for"] = request.ip;
  const body = request.body as Buffer | undefined;
  try {
    return await pool.request({ path: request.raw.url!, method: request.method as Dispatcher.HttpMethod, headers, ...(body === undefined ? {} : { body }), signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw notThere(error);
  }
}

/** Gives a replica's answer on; a stream that breaks off ends with an event that says so. @param ended called once, when it is over */
export function passOn({ statusCode, headers, body }: Dispatcher.ResponseData, request: FastifyRequest, reply: FastifyReply, ended: () => void): FastifyReply {
  reply.code(statusCode).headers(forwarded(headers));
  const isStream = String(headers["content-type"]).startsWith("text/event-stream");
  const passed = new PassThrough();
  body.once("error", (error) => {
    if (!isStream || passed.destroyed) return passed.destroy(error);
    const { data, event } = errorEvent(request.url, notThere(error));
    passed.end(eventText(data, event));
  });
  passed.once("close", () => {
    body.destroy();
    ended();
  });
  (body as Readable).pipe(passed);
  return reply.send(passed);
}

function notThere(cause?: unknown): ApiError {
  return new ApiError("The process that computes has ended; it is started again.", { status: 503, type: "server_error", code: "engine_unavailable", retryAfterSeconds: 5 }, cause);
}

function forwarded(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined && !ofConnection.has(entry[0])));
}
