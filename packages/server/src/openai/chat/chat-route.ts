import { RunningAnswer } from "../../answer/running-answer.js";
import { streamAnswer } from "../../answer/answer-writer.js";
import type { App } from "../../http/app.js";
import { clientGone } from "../../http/client-gone.js";
import { sendDelayedJson } from "../../http/delayed-json.js";
import type { ServerContext } from "../../server-context.js";
import { requireModel } from "../require-model.js";
import { chatOrder } from "./chat-order.js";
import { chatSchema } from "./chat-schema.js";
import { ChatWriter, collectChat } from "./chat-completion.js";

/** POST /v1/chat/completions. */
export function chatRoute(app: App, context: ServerContext): void {
  app.post(
    "/v1/chat/completions",
    { schema: { body: chatSchema, tags: ["OpenAI"], summary: "Answer a conversation" }, config: { generates: true } },
    async (request, reply) => {
      const { body } = request;
      requireModel(context, body.model);
      const signal = clientGone(request, reply);
      const order = await chatOrder(context, body, request);
      const { events } = await RunningAnswer.start(context, order, request, signal);
      const head = { id: `chatcmpl-${request.id}`, created: Math.floor(Date.now() / 1000), model: context.modelId };
      if (body.stream !== true) return sendDelayedJson(reply, collectChat(head, events), context.options);
      const writer = new ChatWriter(head, { answers: body.n ?? 1, includesUsage: body.stream_options?.include_usage === true, returnsProgress: body.return_progress === true });
      return streamAnswer(context, reply, events, writer);
    },
  );
}
