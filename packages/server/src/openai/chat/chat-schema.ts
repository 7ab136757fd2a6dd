import { z } from "zod";
import { elasticSchema } from "../../answer/elastic-settings.js";
import { samplingFields } from "../sampling-fields.js";
import { messageSchema, toolChoiceSchema, toolSchema } from "./message-schema.js";

export const streamOptionsSchema = z.object({ include_usage: z.boolean().nullish() });

export const responseFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string().nullish(),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()).nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** The body of /v1/chat/completions. */
export const chatSchema = z.object({
  model: z.string().nullish(),
  messages: z.array(messageSchema).min(1),
  ...samplingFields,
  max_completion_tokens: z.number().int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  tools: z.array(toolSchema).max(128).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormatSchema.nullish(),
  reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish().describe("variables of the chat template, such as enable_thinking"),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: streamOptionsSchema.nullish(),
  return_progress: z.boolean().nullish().describe("stream how far the prompt is read"),
  elastic: elasticSchema.nullish(),
  // Known, and refused unless they ask for nothing.
  functions: z.unknown().optional(),
  function_call: z.unknown().optional(),
  audio: z.unknown().optional(),
  modalities: z.array(z.string()).nullish(),
  prediction: z.unknown().optional(),
  web_search_options: z.unknown().optional(),
});

export type ChatBody = z.infer<typeof chatSchema>;
