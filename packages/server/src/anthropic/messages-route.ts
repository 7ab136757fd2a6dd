import { RunningAnswer } from "../answer/running-answer.js";
import { streamAnswer } from "../answer/answer-writer.js";
import type { App } from "../http/app.js";
import { clientGone } from "../http/client-gone.js";
import { sendDelayedJson } from "../http/delayed-json.js";
import { chatOrder } from "../openai/chat/chat-order.js";
import { requireModel } from "../openai/require-model.js";
import type { ServerContext } from "../server-context.js";
import { messagesAsChat, promptAsChat } from "./as-chat.js";
import { collectMessage, MessageWriter } from "./message.js";
import { countTokensSchema, messagesSchema } from "./messages-schema.js";

/** POST /v1/messages and /v1/messages/count_tokens. */
export function messagesRoutes(app: App, context: ServerContext): void {
  const tags = ["Anthropic"];
  app.post("/v1/messages", { schema: { body: messagesSchema, tags, summary: "Answer a conversation" }, config: { generates: true } }, async (request, reply) => {
    const { body } = request;
    requireModel(context, body.model);
    const signal = clientGone(request, reply);
    const order = await chatOrder(context, messagesAsChat(body), request);
    const { events, promptTokens } = await RunningAnswer.start(context, order, request, signal);
    const head = { id: `msg_${request.id}`, model: context.modelId, promptTokens };
    if (body.stream !== true) return sendDelayedJson(reply, collectMessage(head, events), context.options);
    return streamAnswer(context, reply, events, new MessageWriter(head));
  });
  app.post("/v1/messages/count_tokens", { schema: { body: countTokensSchema, tags, summary: "Count the tokens of a conversation" } }, async (request) => {
    requireModel(context, request.body.model);
    const { generation } = await chatOrder(context, promptAsChat(request.body), request);
    const { messages, chatTemplate } = generation;
    return { input_tokens: (await context.engine.tokenize({ messages: messages!, ...(chatTemplate === undefined ? {} : { chatTemplate }) })).length };
  });
}
