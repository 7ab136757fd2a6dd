import type { FastifyReply } from "fastify";
import { apiErrorOf } from "../errors/api-error-of.js";
import { errorEvent } from "../errors/error-body.js";
import { EventStream } from "../http/event-stream.js";
import type { ServerContext } from "../server-context.js";
import type { AnswerEvent } from "./answer-event.js";

/** One server-sent event. */
export interface StreamedEvent {
  readonly data: object | string;
  /** Its name, where the protocol has names. */
  readonly event?: string;
}

/** Writes an answer as the events of one protocol. */
export interface AnswerWriter {
  begin(): Iterable<StreamedEvent>;
  take(event: AnswerEvent): Iterable<StreamedEvent>;
  end(): Iterable<StreamedEvent>;
}

/** Streams an answer: headers at once, then what the writer makes of its events; an error ends the stream as its last event. */
export function streamAnswer(context: ServerContext, reply: FastifyReply, events: AsyncIterable<AnswerEvent>, writer: AnswerWriter): FastifyReply {
  const stream = new EventStream(context.options, context.pace);
  void pump(stream, reply, events, writer);
  return reply
    .headers({ "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" })
    .send(stream.body);
}

async function pump(stream: EventStream, reply: FastifyReply, events: AsyncIterable<AnswerEvent>, writer: AnswerWriter): Promise<void> {
  const send = (streamed: Iterable<StreamedEvent>) => {
    for (const { data, event } of streamed) stream.send(data, event);
  };
  try {
    send(writer.begin());
    for await (const event of events) send(writer.take(event));
    send(writer.end());
  } catch (error) {
    reply.log.error({ err: error }, "a request failed while its answer was streamed");
    send([errorEvent(reply.request.url, apiErrorOf(error))]);
  }
  stream.end();
}
