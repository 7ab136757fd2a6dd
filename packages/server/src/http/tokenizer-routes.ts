import { z } from "zod";
import { messageSchema, toolSchema } from "../openai/chat/message-schema.js";
import { templateMessages, templateTools } from "../openai/chat/template-messages.js";
import type { ServerContext } from "../server-context.js";
import type { App } from "./app.js";

const tokenizeSchema = z.object({
  content: z.string(),
  add_special: z.literal(false, { error: "is not supported: a text is tokenized without begin-of-text" }).nullish(),
  with_pieces: z.boolean().nullish().describe("give the text of each token besides"),
});
const detokenizeSchema = z.object({ tokens: z.array(z.number().int().min(0).max(2 ** 31 - 1)) });
const templateSchema = z.object({
  messages: z.array(messageSchema).min(1),
  tools: z.array(toolSchema).nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  add_generation_prompt: z.boolean().nullish(),
});

/** Text to tokens and back, and conversations to text, as llama.cpp's server has them. */
export function tokenizerRoutes(app: App, { engine }: ServerContext): void {
  const tags = ["Tokenizer"];
  app.post("/tokenize", { schema: { body: tokenizeSchema, tags, summary: "Token ids of a text" } }, async ({ body }) => {
    const ids = body.content === "" ? new Int32Array(0) : await engine.tokenize({ prompt: body.content });
    if (body.with_pieces !== true) return { tokens: Array.from(ids) };
    const pieces = await engine.pieces(ids);
    return { tokens: Array.from(ids, (id, index) => ({ id, piece: pieces[index] })) };
  });
  app.post("/detokenize", { schema: { body: detokenizeSchema, tags, summary: "Text of token ids" } }, async ({ body }) => ({
    content: await engine.detokenize(Int32Array.from(body.tokens)),
  }));
  app.post("/apply-template", { schema: { body: templateSchema, tags, summary: "A conversation as the model reads it" } }, async ({ body }) => {
    const { messages, tools, chat_template_kwargs: variables, add_generation_prompt: addGenerationPrompt } = body;
    const chatTemplate = {
      ...(tools == null || tools.length === 0 ? {} : { tools: templateTools(tools) }),
      ...(variables == null ? {} : { variables }),
      ...(addGenerationPrompt == null ? {} : { addGenerationPrompt }),
    };
    return { prompt: await engine.render({ messages: templateMessages(messages), chatTemplate }) };
  });
}
