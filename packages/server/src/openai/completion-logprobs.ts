import type { TokenChance } from "../answer/answer-event.js";
import { finite } from "./chat/chat-logprobs.js";

/** Log-probabilities as OpenAI's completions have them; null where there are none. @param offset characters in front of the first token */
export function completionLogprobs(chances: readonly TokenChance[], offset: number): object | null {
  if (chances.length === 0) return null;
  let place = offset;
  const offsets = chances.map(({ text }) => {
    const own = place;
    place += text.length;
    return own;
  });
  return {
    tokens: chances.map(({ text }) => text),
    token_logprobs: chances.map(({ logprob }) => finite(logprob)),
    top_logprobs: chances.map(({ top }) => Object.fromEntries(top.map(({ text, logprob }) => [text, finite(logprob)]))),
    text_offset: offsets,
  };
}
