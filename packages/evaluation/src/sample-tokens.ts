import { SampleError } from "@elastic-attention/core";
import type { EvaluationSample, EvaluationTokenizer } from "./suite.js";

/**
 * The model's input for a sample: prompt or rendered conversation, with the answer prefix behind it.
 *
 * @throws SampleError for a conversation and a tokenizer without chat template
 */
export function sampleTokens(sample: EvaluationSample, tokenizer: EvaluationTokenizer): Int32Array {
  // A rendered conversation has its special tokens already.
  return sample.tokens ?? tokenizer.encode(sampleText(sample, tokenizer), { addSpecialTokens: sample.messages === undefined });
}

/**
 * The text of that input. A prefix that begins with a space loses it behind a template that ends in white space:
 * `<|assistant|>\n`. Templates that can open a turn of thinking (Qwen3) do not: answers are short, and the paper's harness
 * turns it off too.
 *
 * @throws SampleError as `sampleTokens`
 */
export function sampleText(sample: EvaluationSample, tokenizer: EvaluationTokenizer): string {
  if (sample.messages === undefined) return withPrefix(sample.prompt ?? "", sample.answerPrefix);
  if (!tokenizer.hasChatTemplate) {
    throw new SampleError(
      `Sample ${sample.id} is a conversation, and the tokenizer has no chat template.`,
      'Make the samples with chatFormat "none", or put a chat_template.jinja into the model\'s folder.',
    );
  }
  return withPrefix(tokenizer.applyChatTemplate(sample.messages, { variables: { enable_thinking: false } }), sample.answerPrefix);
}

/** Text followed by an answer prefix. */
function withPrefix(text: string, prefix = ""): string {
  return text + (/\s$/.test(text) ? prefix.trimStart() : prefix);
}
