import { z } from "zod";
import { elasticSchema } from "../../answer/elastic-settings.js";

const textPart = z.object({ type: z.enum(["input_text", "output_text", "text"]), text: z.string() });
const refusalPart = z.object({ type: z.literal("refusal"), refusal: z.string() });
const content = z.union([z.string(), z.array(z.discriminatedUnion("type", [textPart, refusalPart], { error: "only parts of type input_text and output_text can be read" }))]);

const item = z.union(
  [
    z.object({ type: z.literal("message").optional(), role: z.enum(["system", "developer", "user", "assistant"]), content }),
    z.object({ type: z.literal("function_call"), call_id: z.string(), name: z.string().min(1), arguments: z.string() }),
    z.object({ type: z.literal("function_call_output"), call_id: z.string(), output: content }),
    z.object({
      type: z.literal("reasoning"),
      summary: z.array(z.object({ text: z.string() })).nullish(),
      content: z.array(z.object({ text: z.string() })).nullish(),
    }),
  ],
  { error: "only messages, function_call, function_call_output and reasoning can be read" },
);

export type InputItem = z.infer<typeof item>;

/** The body of /v1/responses. */
export const responsesSchema = z.object({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(item).min(1)]),
  instructions: z.string().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  tools: z
    .array(
      z.object({
        type: z.literal("function", { error: "only functions can be called" }),
        name: z.string().regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, _, - and ."),
        description: z.string().nullish(),
        parameters: z.record(z.string(), z.unknown()).nullish(),
        strict: z.boolean().nullish(),
      }),
    )
    .max(128)
    .nullish(),
  tool_choice: z.union([z.enum(["none", "auto", "required"]), z.object({ type: z.literal("function"), name: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z
    .object({
      format: z
        .discriminatedUnion("type", [
          z.object({ type: z.literal("text") }),
          z.object({ type: z.literal("json_object") }),
          z.object({
            type: z.literal("json_schema"),
            name: z.string().nullish(),
            description: z.string().nullish(),
            schema: z.record(z.string(), z.unknown()),
            strict: z.boolean().nullish(),
          }),
        ])
        .nullish(),
    })
    .nullish(),
  reasoning: z.object({ effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).nullish() }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  user: z.string().nullish(),
  stream: z.boolean().nullish(),
  elastic: elasticSchema.nullish(),
  truncation: z.enum(["auto", "disabled"]).nullish(),
  // Known, and refused unless they ask for nothing.
  store: z.boolean().nullish(),
  background: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z.unknown().optional(),
  prompt: z.unknown().optional(),
  include: z.array(z.string()).nullish(),
  top_logprobs: z.number().int().nullish(),
  max_tool_calls: z.number().int().nullish(),
});

export type ResponsesBody = z.infer<typeof responsesSchema>;
