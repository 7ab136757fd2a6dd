import { InvalidRequestError } from "@elastic-attention/core";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import { checkMessages, checkNothingLost } from "./check-messages.js";
import type { GenerationRequest } from "./generation-request.js";

/** The part of a request that says what is read. */
export type PromptInput = Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate" | "tokens">;

/** A prompt as the model reads it. */
export interface ReadPrompt {
  readonly tokens: Int32Array;
  /** Its text, chat template applied; undefined where tokens were given. */
  readonly text: string | undefined;
}

/**
 * What the model reads of a request: its messages rendered, its text as token ids.
 *
 * @param limit how many tokens can be used
 * @throws InvalidRequestError unless exactly one of prompt, messages and tokens is given, and for messages that cannot be
 *   rendered; TokenLimitError for more tokens than the limit; TokenizerError
 */
export function readPrompt(input: PromptInput, tokenizer: Tokenizer, limit = Infinity): ReadPrompt {
  return tokenizing(() => read(input, tokenizer, limit));
}

function read(input: PromptInput, tokenizer: Tokenizer, limit: number): ReadPrompt {
  const given = (["prompt", "messages", "tokens"] as const).filter((key) => input[key] !== undefined);
  if (given.length !== 1) {
    throw new InvalidRequestError(`Give exactly one of prompt, messages and tokens; found ${given.join(" and ") || "none"}.`);
  }
  if (input.chatTemplate !== undefined && input.messages === undefined) {
    throw new InvalidRequestError("chatTemplate is about messages, and the request has none.", "Leave it out, or send messages instead of a prompt or tokens.");
  }
  if (input.tokens !== undefined) return { tokens: checkedIds(input.tokens), text: undefined };
  if (input.messages !== undefined) {
    checkMessages(input.messages);
    const text = tokenizer.applyChatTemplate(input.messages, input.chatTemplate);
    checkNothingLost(input.messages, text);
    return { tokens: tokenizer.encode(text, { addSpecialTokens: false, limit }), text };
  }
  if (typeof input.prompt !== "string") throw new InvalidRequestError("prompt must be a text.");
  return { tokens: tokenizer.encode(input.prompt, { limit }), text: input.prompt };
}

/** Checked before the copy, which would cut 1.5 to 1. */
function checkedIds(ids: ArrayLike<number>): Int32Array {
  const list = Array.from(ids);
  const bad = list.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < 2 ** 31));
  if (bad >= 0) throw new InvalidRequestError(`tokens[${bad}] is ${String(list[bad])}; token ids are whole numbers from 0.`);
  return Int32Array.from(list);
}
