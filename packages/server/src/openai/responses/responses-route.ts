import { RunningAnswer } from "../../answer/running-answer.js";
import { streamAnswer } from "../../answer/answer-writer.js";
import type { App } from "../../http/app.js";
import { clientGone } from "../../http/client-gone.js";
import { sendDelayedJson } from "../../http/delayed-json.js";
import type { ServerContext } from "../../server-context.js";
import { chatOrder } from "../chat/chat-order.js";
import { requireModel } from "../require-model.js";
import { responsesAsChat } from "./as-chat.js";
import { collectResponse } from "./response.js";
import { ResponseWriter } from "./response-writer.js";
import { responsesSchema } from "./responses-schema.js";

/** POST /v1/responses. */
export function responsesRoute(app: App, context: ServerContext): void {
  app.post(
    "/v1/responses",
    { schema: { body: responsesSchema, tags: ["OpenAI"], summary: "Answer in the form of the Responses API" }, config: { generates: true } },
    async (request, reply) => {
      const { body } = request;
      requireModel(context, body.model);
      const signal = clientGone(request, reply);
      const order = await chatOrder(context, responsesAsChat(body), request);
      const { events } = await RunningAnswer.start(context, order, request, signal);
      const head = { id: `resp_${request.id}`, created: Math.floor(Date.now() / 1000), model: context.modelId, body };
      if (body.stream !== true) return sendDelayedJson(reply, collectResponse(head, events), context.options);
      return streamAnswer(context, reply, events, new ResponseWriter(head));
    },
  );
}
