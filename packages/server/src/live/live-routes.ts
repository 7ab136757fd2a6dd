import { z } from "zod";
import type { RecordedEvent } from "@elastic-attention/generation";
import { ApiError } from "../errors/api-error.js";
import type { App } from "../http/app.js";
import { EventStream } from "../http/event-stream.js";
import type { ServerContext } from "../server-context.js";
import type { LiveRequest } from "./live-requests.js";

const params = z.object({ id: z.string() });

/** How requests were routed, while they run and for some time afterwards. */
export function liveRoutes(app: App, { live, options, pace }: ServerContext): void {
  const tags = ["Routing"];
  const find = (id: string): LiveRequest => {
    // Answers have the id of their request behind a prefix.
    const found = live.get(id) ?? live.get(id.replace(/^(?:chatcmpl-|cmpl-|resp_|msg_)/, ""));
    if (found === undefined) throw new ApiError("There is no such request, or it ended long ago.", { status: 404, type: "invalid_request_error", code: "request_not_found" });
    return found;
  };
  app.get("/v1/elastic/requests", { schema: { tags, summary: "The latest requests" } }, () => ({ object: "list", data: live.list() }));
  app.get("/v1/elastic/requests/:id", { schema: { params, tags, summary: "What happened in a request so far" } }, ({ params: { id } }) => find(id).recorder.recording);
  app.get("/v1/elastic/requests/:id/events", { schema: { params, tags, summary: "What happens in a request, from its beginning" } }, ({ params: { id } }, reply) => {
    const { recorder, summary, answers } = find(id);
    const stream = new EventStream(options, pace);
    let unwatch: (() => void) | undefined;
    let finished = 0;
    let ended = false;
    const end = () => {
      ended = true;
      unwatch?.();
      stream.end();
    };
    const send = (event: RecordedEvent) => {
      stream.send(event);
      if (event.type === "finish") finished += 1;
      if (event.type === "error" || (event.type === "finish" && finished === answers)) end();
    };
    unwatch = recorder.watch(send);
    // Everything was told at once, or nothing more will come.
    if (ended) unwatch();
    else if (summary.state !== "running") end();
    stream.body.once("close", () => unwatch?.());
    return reply.headers({ "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" }).send(stream.body);
  });
}
