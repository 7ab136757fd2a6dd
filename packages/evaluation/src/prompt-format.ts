import { SampleError } from "@elastic-attention/core";
import type { EvaluationSample, SampleOptions } from "./suite.js";

/**
 * A prompt as the task is run: a conversation of one user message, or raw text.
 *
 * @param published whether the task is published with a chat template
 * @throws SampleError for chatFormat "template" and a tokenizer without one
 */
export function presentPrompt(
  prompt: string,
  options: Pick<SampleOptions, "tokenizer" | "chatFormat">,
  published = true,
): Pick<EvaluationSample, "prompt" | "messages"> {
  const format = options.chatFormat ?? "auto";
  if (format === "template" && !options.tokenizer.hasChatTemplate) {
    throw new SampleError(
      "The tokenizer has no chat template.",
      'Use chatFormat "auto" or "none" for raw prompts, or put a chat_template.jinja into the model\'s folder.',
    );
  }
  const chat = format !== "none" && published && options.tokenizer.hasChatTemplate;
  return chat ? { messages: [{ role: "user", content: prompt }] } : { prompt };
}
