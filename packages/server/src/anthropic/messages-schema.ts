import { z } from "zod";
import { elasticSchema } from "../answer/elastic-settings.js";

const text = z.object({ type: z.literal("text"), text: z.string() });
const texts = z.union([z.string(), z.array(text)]);
const block = z.discriminatedUnion(
  "type",
  [
    text,
    z.object({ type: z.literal("thinking"), thinking: z.string() }),
    z.object({ type: z.literal("tool_use"), id: z.string(), name: z.string(), input: z.record(z.string(), z.unknown()) }),
    z.object({ type: z.literal("tool_result"), tool_use_id: z.string(), content: texts.nullish(), is_error: z.boolean().nullish() }),
  ],
  { error: (issue) => `only text, thinking, tool_use and tool_result can be read, found ${JSON.stringify((issue.input as { type?: unknown } | undefined)?.type ?? null)}` },
);

const promptFields = {
  model: z.string(),
  messages: z.array(z.object({ role: z.enum(["user", "assistant"]), content: z.union([z.string(), z.array(block)]) })).min(1),
  system: texts.nullish(),
  tools: z
    .array(
      z.object({
        type: z.literal("custom", { error: "only tools of your own can be called" }).nullish(),
        name: z.string().regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, _, - and ."),
        description: z.string().nullish(),
        input_schema: z.record(z.string(), z.unknown()),
        strict: z.boolean().nullish(),
      }),
    )
    .max(128)
    .nullish(),
  tool_choice: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("auto"), disable_parallel_tool_use: z.boolean().nullish() }),
      z.object({ type: z.literal("any"), disable_parallel_tool_use: z.boolean().nullish() }),
      z.object({ type: z.literal("tool"), name: z.string(), disable_parallel_tool_use: z.boolean().nullish() }),
      z.object({ type: z.literal("none") }),
    ])
    .nullish(),
  thinking: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("enabled") }),
      z.object({ type: z.literal("adaptive") }),
      z.object({ type: z.literal("disabled") }),
    ])
    .nullish(),
};

/** The body of /v1/messages/count_tokens. */
export const countTokensSchema = z.object(promptFields);

/** The body of /v1/messages. */
export const messagesSchema = z.object({
  ...promptFields,
  max_tokens: z.number().int().min(1),
  stop_sequences: z.array(z.string().min(1)).max(16).nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
  stream: z.boolean().nullish(),
  elastic: elasticSchema.nullish(),
  // Known, and refused.
  container: z.unknown().optional(),
  mcp_servers: z.array(z.unknown()).nullish(),
  context_management: z.unknown().optional(),
  output_config: z.unknown().optional(),
  output_format: z.unknown().optional(),
});

export type MessagesBody = z.infer<typeof messagesSchema>;
export type CountTokensBody = z.infer<typeof countTokensSchema>;
