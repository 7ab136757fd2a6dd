import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { SessionPlan, SessionState } from "./session-store.js";

/** A prompt as a session sees it. */
export interface PromptText {
  /** All of its tokens, as if nothing were cached. */
  readonly tokens: Int32Array;
  /** Its text, chat template applied; undefined where only tokens were given. */
  readonly text: string | undefined;
}

/** What a request's cache holds when its prompt has been read, and what of it is there already. */
export interface SessionPrompt {
  /** In the cache's order. */
  readonly tokens: Int32Array;
  /** The first of them, which the router decides on: the prompt of the session's first turn. */
  readonly routedTokens: number;
  /** What the last turn left, whose cache holds the beginning; undefined: all is read. */
  readonly held: SessionState | undefined;
  /** The session's plan where no router of its turns has made it: all is read under it. */
  readonly plan: SessionPlan | undefined;
}

/** A prompt that nothing is held of. */
export function freshPrompt({ tokens }: PromptText): SessionPrompt {
  return { tokens, routedTokens: tokens.length, held: undefined, plan: undefined };
}

/**
 * The prompt as it goes on from what a session's turns left; undefined when it does not. By text where there is one: an
 * answer's own tokens are kept then, however a tokenizer would cut its text.
 */
export function continuedPrompt(prompt: PromptText, held: SessionState, tokenizer: Tokenizer): SessionPrompt | undefined {
  const rest = restOf(prompt, held, tokenizer);
  if (rest.length === 0) return undefined;
  return { tokens: Int32Array.from([...held.cachedTokens, ...rest]), routedTokens: held.routedTokens, held, plan: held.plan };
}

/** The same when the cache is gone: all is read again, under the same plan. */
export function withoutCache(prompt: SessionPrompt): SessionPrompt {
  return { ...prompt, held: undefined };
}

/** What is left to read, in parts: the router decides on the first, and the others follow its plan. */
export function promptParts({ tokens, routedTokens, held, plan }: SessionPrompt): Int32Array[] {
  if (held !== undefined) return [tokens.subarray(held.cachedTokens.length)];
  if (plan !== undefined) return [tokens];
  return [tokens.subarray(0, routedTokens), tokens.subarray(routedTokens)].filter(({ length }) => length > 0);
}

/** Tokens that follow those in the cache; empty where the prompt does not go on from there. */
function restOf(prompt: PromptText, { cachedTokens, pendingTokens, text }: SessionState, tokenizer: Tokenizer): readonly number[] {
  if (prompt.text !== undefined && text !== undefined) {
    if (!prompt.text.startsWith(text)) return [];
    return [...pendingTokens, ...tokenizer.encode(prompt.text.slice(text.length), { addSpecialTokens: false })];
  }
  const known = [...cachedTokens, ...pendingTokens];
  if (known.some((token, index) => prompt.tokens[index] !== token)) return [];
  return Array.from(prompt.tokens.subarray(cachedTokens.length));
}
