import type { SessionState } from "./session-store.js";
import type { Tokenizer } from "./tokenizer.js";

/** A prompt as a session sees it. */
export interface SessionPrompt {
  /** All of its tokens, as if nothing were cached. */
  readonly tokens: ArrayLike<number>;
  /** Its text, chat template applied; undefined where only tokens were given. */
  readonly text: string | undefined;
}

/**
 * Tokens that follow what a session's cache holds, so that the cache and they stand for the prompt; undefined when the
 * prompt does not go on from there. By text where there is one: an answer's own tokens are kept then, however a
 * tokenizer would cut its text.
 */
export function continuation(prompt: SessionPrompt, state: SessionState, tokenizer: Tokenizer): Int32Array | undefined {
  const { cachedTokens, pendingTokens } = state;
  if (prompt.text !== undefined && state.text !== undefined) {
    if (!prompt.text.startsWith(state.text)) return undefined;
    const rest = tokenizer.encode(prompt.text.slice(state.text.length), { addSpecialTokens: false });
    return nonEmpty([...pendingTokens, ...rest]);
  }
  const held = [...cachedTokens, ...pendingTokens];
  if (held.some((token, index) => prompt.tokens[index] !== token)) return undefined;
  return nonEmpty(Array.from(prompt.tokens).slice(cachedTokens.length));
}

function nonEmpty(tokens: readonly number[]): Int32Array | undefined {
  return tokens.length === 0 ? undefined : Int32Array.from(tokens);
}
