import { SampleError } from "./errors.js";
import type { EvaluationSample, EvaluationTokenizer } from "./suite.js";

/**
 * The model's input for a sample: prompt or rendered conversation, with the answer prefix behind it.
 *
 * A prefix that begins with a space loses it behind a template that ends in white space: `<|assistant|>\n`.
 *
 * @throws SampleError for a conversation and a tokenizer without chat template
 */
export function sampleTokens(sample: EvaluationSample, tokenizer: EvaluationTokenizer): Int32Array {
  if (sample.tokens !== undefined) return sample.tokens;
  if (sample.messages === undefined) return tokenizer.encode(withPrefix(sample.prompt ?? "", sample.answerPrefix));
  if (!tokenizer.hasChatTemplate) {
    throw new SampleError(
      `Sample ${sample.id} is a conversation, and the tokenizer has no chat template.`,
      'Make the samples with chatFormat "none", or put a chat_template.jinja into the model\'s folder.',
    );
  }
  return tokenizer.encode(withPrefix(tokenizer.applyChatTemplate(sample.messages), sample.answerPrefix), { addSpecialTokens: false });
}

/** Text followed by an answer prefix. */
export function withPrefix(text: string, prefix = ""): string {
  return text + (/\s$/.test(text) ? prefix.trimStart() : prefix);
}
