import { z } from "zod";
import { elasticSchema } from "../answer/elastic-settings.js";
import { streamOptionsSchema } from "./chat/chat-schema.js";
import { samplingFields } from "./sampling-fields.js";

const ids = z.array(z.number().int().min(0)).min(1);

/** The body of /v1/completions. */
export const completionSchema = z.object({
  model: z.string().nullish(),
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(128), ids, z.array(ids).min(1).max(128)], {
    error: "must be a text, token ids, or a list of one of them",
  }),
  ...samplingFields,
  logprobs: z.number().int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
  best_of: z.number().int().min(1).nullish(),
  suffix: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: streamOptionsSchema.nullish(),
  return_progress: z.boolean().nullish(),
  elastic: elasticSchema.nullish(),
});

export type CompletionBody = z.infer<typeof completionSchema>;

/** The prompts of a body, each as the engine takes it. */
export function promptsOf(prompt: CompletionBody["prompt"]): readonly ({ readonly prompt: string } | { readonly tokens: readonly number[] })[] {
  if (typeof prompt === "string") return [{ prompt }];
  if (typeof prompt[0] === "number") return [{ tokens: prompt as number[] }];
  return (prompt as (string | number[])[]).map((one) => (typeof one === "string" ? { prompt: one } : { tokens: one }));
}
