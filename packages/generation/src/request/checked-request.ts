import { InvalidRequestError } from "@elastic-attention/core";
import { TokenLimitError } from "@elastic-attention/tokenizer";
import type { ModelSpec } from "@elastic-attention/transformer";
import type { GenerationDefaults } from "../defaults/generation-defaults.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import { checkMessages, checkNothingLost } from "./check-messages.js";
import type { GenerationRequest } from "./generation-request.js";
import { type GenerationSettings, resolveSettings } from "./generation-settings.js";

/** A request that was checked against its model: what is left is to compute. */
export interface CheckedRequest {
  readonly tokens: Int32Array;
  /** The prompt's text, chat template applied; undefined where tokens were given. */
  readonly text: string | undefined;
  readonly maxNewTokens: number;
  readonly stop: readonly string[];
  /** Tokens that the answer's text goes on from; empty for an answer in a conversation. */
  readonly textBefore: Int32Array;
  readonly decode: "routed" | "full";
  readonly settings: GenerationSettings;
}

/** Checks a request against the model, whose defaults count where it says nothing. @throws InvalidRequestError, TokenizerError */
export function checkRequest(
  request: GenerationRequest,
  tokenizer: Tokenizer,
  { contextLength, vocabularySize }: Pick<ModelSpec, "contextLength" | "vocabularySize">,
  defaults: GenerationDefaults,
): CheckedRequest {
  // What needs no tokenizer comes first: it is refused at once, however long the text is.
  const { stop = [], decode = "routed", maxNewTokens: asked, defaults: which = "model" } = request;
  if (asked !== undefined && !(Number.isSafeInteger(asked) && asked >= 0)) {
    throw new InvalidRequestError(`maxNewTokens must be a whole number, 0 or more, found ${String(asked)}.`);
  }
  if (!Array.isArray(stop) || stop.some((text) => typeof text !== "string" || text === "")) {
    throw new InvalidRequestError("stop must be a list of texts that are not empty.");
  }
  if (decode !== "routed" && decode !== "full") {
    throw new InvalidRequestError(`decode must be "routed" or "full", found ${JSON.stringify(decode)}.`);
  }
  if (which !== "model" && which !== "none") throw new InvalidRequestError(`defaults must be "model" or "none", found ${JSON.stringify(which)}.`);
  checkSession(request);
  const settings = resolveSettings(request, defaults);
  const { tokens, text } = tokenizing(() => promptWithin(request, tokenizer, contextLength));
  if (tokens.length === 0) throw new InvalidRequestError("The prompt has no tokens.", "Give a text that is not empty.");
  if (request.tokens !== undefined) checkVocabulary(tokens, vocabularySize);
  const room = contextLength - tokens.length;
  if (room < 1) {
    throw new InvalidRequestError(
      `The prompt has ${tokens.length} tokens; the model's context is ${contextLength}, answer included.`,
      "Shorten the prompt or choose a model with a longer context.",
    );
  }
  const maxNewTokens = asked ?? Math.min(settings.maxNewTokens, room);
  if (maxNewTokens > room) {
    throw new InvalidRequestError(
      `${tokens.length} prompt tokens and ${maxNewTokens} new ones exceed the model's context of ${contextLength}.`,
      `Ask for at most ${room} new tokens.`,
    );
  }
  const textBefore = request.messages === undefined ? tokens : new Int32Array(0);
  return { tokens, text, maxNewTokens, stop: settings.stop, textBefore, decode, settings: { ...settings, maxNewTokens } };
}

/** Token ids of a request's prompt, messages or tokens. @throws InvalidRequestError unless exactly one is given, TokenizerError */
export function promptTokens(input: PromptInput, tokenizer: Tokenizer): Int32Array {
  return tokenizing(() => readPrompt(input, tokenizer)).tokens;
}

type PromptInput = Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate" | "tokens">;

function checkSession({ session, reroute = false }: GenerationRequest): void {
  if (session !== undefined && (typeof session !== "string" || session === "")) {
    throw new InvalidRequestError("session must be a name that is not empty.");
  }
  if (reroute && session === undefined) throw new InvalidRequestError("reroute is about a session, and the request has none.");
}

/** A prompt of many times the context is refused before all of it is tokenized. @throws InvalidRequestError, TokenizerError */
function promptWithin(input: PromptInput, tokenizer: Tokenizer, contextLength: number): ReturnType<typeof readPrompt> {
  try {
    return readPrompt(input, tokenizer, contextLength);
  } catch (error) {
    if (!TokenLimitError.isInstance(error)) throw error;
    throw new InvalidRequestError(
      `The prompt has more than ${contextLength} tokens; the model's context is ${contextLength}, answer included.`,
      "Shorten the prompt or choose a model with a longer context.",
    );
  }
}

/** @param limit how many tokens can be used. */
function readPrompt(input: PromptInput, tokenizer: Tokenizer, limit = Infinity): { readonly tokens: Int32Array; readonly text: string | undefined } {
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

/** Tokens that a tokenizer gave are its own. @throws InvalidRequestError */
function checkVocabulary(tokens: Int32Array, vocabularySize: number): void {
  const bad = tokens.findIndex((id) => id >= vocabularySize);
  if (bad >= 0) throw new InvalidRequestError(`tokens[${bad}] is ${tokens[bad]}; the model's vocabulary has ${vocabularySize} tokens.`, "Use the ids of this model's tokenizer.");
}

/** Checked before the copy, which would cut 1.5 to 1. */
function checkedIds(ids: ArrayLike<number>): Int32Array {
  const list = Array.from(ids);
  const bad = list.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < 2 ** 31));
  if (bad >= 0) throw new InvalidRequestError(`tokens[${bad}] is ${String(list[bad])}; token ids are whole numbers from 0.`);
  return Int32Array.from(list);
}
