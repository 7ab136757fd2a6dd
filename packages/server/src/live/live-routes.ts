import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { ApiError } from "../errors/api-error.js";
import type { App } from "../http/app.js";
import { EventStream } from "../http/event-stream.js";
import type { ServerContext } from "../server-context.js";
import type { LiveRequest } from "./live-requests.js";

const params = z.object({ id: z.string() });

/** How requests were routed, while they run and for some time afterwards. */
export function liveRoutes(app: App, { live, options, pace }: ServerContext): void {
  const tags = ["Routing"];
  const find = (id: string, { keyOwner: owner }: FastifyRequest): LiveRequest => {
    // Answers have the id of their request behind a prefix.
    const found = live.get({ id, owner }) ?? live.get({ id: id.replace(/^(?:chatcmpl-|cmpl-|resp_|msg_)/, ""), owner });
    if (found === undefined) throw new ApiError("There is no such request, or it ended long ago.", { status: 404, type: "invalid_request_error", code: "request_not_found" });
    return found;
  };
  app.get("/v1/elastic/requests", { schema: { tags, summary: "The latest requests" } }, ({ keyOwner }) => ({ object: "list", data: live.list(keyOwner) }));
  app.get("/v1/elastic/requests/:id", { schema: { params, tags, summary: "What happened in a request so far" } }, (request) => find(request.params.id, request).recorder.recording);
  app.get("/v1/elastic/requests/:id/events", { schema: { params, tags, summary: "What happens in a request, from its beginning" } }, (request, reply) => {
    const { recorder, ended } = find(request.params.id, request);
    const stream = new EventStream(options, pace);
    const unwatch = recorder.watch((event) => stream.send(event));
    void ended.then(() => stream.end());
    stream.body.once("close", unwatch);
    return reply.headers({ "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" }).send(stream.body);
  });
}
