import { SampleError } from "@elastic-attention/core";
import { presentPrompt } from "../prompt-format.js";
import { sampleText, sampleTokens } from "../sample-tokens.js";
import type { EvaluationSample, SampleOptions } from "../suite.js";

/**
 * The first and the last half of a text's tokens, as LongBench cuts prompts: special tokens are counted and then left out.
 *
 * @param joined LongBench-v2 decodes both halves in one go, LongBench each by itself
 */
export function truncateMiddle(text: string, most: number, { tokenizer }: Pick<SampleOptions, "tokenizer">, joined: boolean): string {
  const tokens = tokenizer.encode(text);
  if (tokens.length <= most) return text;
  const first = tokens.subarray(0, Math.floor(most / 2));
  const last = tokens.subarray(tokens.length - (joined ? Math.ceil(most / 2) : Math.floor(most / 2)));
  return joined ? tokenizer.decode([...first, ...last]) : tokenizer.decode(first) + tokenizer.decode(last);
}

/** More than any tokenizer puts around a text. */
const specialTokens = 16;

/** A sample whose prompt is given. */
export interface GivenPrompt {
  readonly sample: Omit<EvaluationSample, "prompt" | "messages" | "truncated">;
  readonly text: string;
  /** Whether the task is published with a chat template. */
  readonly chat: boolean;
  /** How both halves are decoded, see `truncateMiddle`. */
  readonly joined: boolean;
}

/**
 * The sample with its prompt, whose middle is cut out where prompt and answer are longer than the context.
 *
 * @throws SampleError in strict mode instead, and for a context that is shorter than the answer
 */
export function fitToContext({ sample, text, chat, joined }: GivenPrompt, options: SampleOptions): EvaluationSample {
  const { contextLength, tokenizer, strict = false } = options;
  const most = contextLength - sample.maxNewTokens;
  const present = (prompt: string, truncated: boolean): EvaluationSample => ({
    ...sample,
    ...presentPrompt(prompt, options, chat),
    ...(truncated ? { truncated, metadata: { ...sample.metadata, promptTokens } } : {}),
  });
  let promptTokens = 0;
  const whole = present(text, false);
  // No vocabulary has more tokens than a text has bytes: what is far below the limit need not be encoded.
  if (Buffer.byteLength(sampleText(whole, tokenizer)) + specialTokens <= most) return whole;
  promptTokens = sampleTokens(whole, tokenizer).length;
  if (promptTokens <= most) return whole;
  if (strict || most < 16) {
    throw new SampleError(
      `${sample.id} takes ${promptTokens} tokens and ${sample.maxNewTokens} for its answer; the model's context is ${contextLength}.`,
      strict ? "Leave strict mode to have the middle cut out, as published." : "Use a model with a longer context.",
    );
  }
  // The template takes tokens too, and both halves may count otherwise than before.
  let room = most;
  for (;;) {
    const shorter = present(truncateMiddle(text, room, options, joined), true);
    const tokens = sampleTokens(shorter, tokenizer).length;
    if (tokens <= most) return shorter;
    room -= tokens - most;
    if (room < 2) throw new SampleError(`${sample.id}: the chat template leaves no room for a prompt in ${contextLength} tokens.`, "Use a model with a longer context.");
  }
}
