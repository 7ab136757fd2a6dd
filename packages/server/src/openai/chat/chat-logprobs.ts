import type { TokenChance } from "../../answer/answer-event.js";

/** Log-probabilities as OpenAI's chats have them; null where there are none. */
export function chatLogprobs(chances: readonly TokenChance[]): object | null {
  if (chances.length === 0) return null;
  const content = chances.map(({ text, logprob, top }) => ({ ...tokenBody(text, logprob), top_logprobs: top.map((token) => tokenBody(token.text, token.logprob)) }));
  return { content, refusal: null };
}

function tokenBody(token: string, logprob: number) {
  return { token, logprob: finite(logprob), bytes: [...Buffer.from(token)] };
}

/** JSON has no infinities: OpenAI gives -9999 for a token without a chance. */
export function finite(logprob: number): number {
  return Math.max(-9999, logprob);
}
