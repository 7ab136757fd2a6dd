import { ContextLengthError, InvalidRequestError } from "@elastic-attention/core";
import { mostTopTokens } from "@elastic-attention/tensor";
import { TokenLimitError } from "@elastic-attention/tokenizer";
import type { ModelSpec } from "@elastic-attention/transformer";
import type { GenerationDefaults } from "../defaults/generation-defaults.js";
import { checkLogitBias } from "../sampling/logit-bias.js";
import { checkConstraint } from "../sampling/token-constraint.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { GenerationRequest } from "./generation-request.js";
import { type GenerationSettings, resolveSettings } from "./generation-settings.js";
import { type PromptInput, readPrompt, type ReadPrompt } from "./read-prompt.js";

/** Answers of one request at most. */
const mostAnswers = 128;

/** Tokens by which a session's prompt may be longer than its text is when it is cut at once: answers keep the tokens they were drawn in. */
const sessionSlack = 64;

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
  /** Answers to draw. */
  readonly count: number;
  /** Most likely tokens to tell with each token; undefined: no log-probabilities. */
  readonly logprobs: number | undefined;
  readonly logitBias: ReadonlyMap<number, number> | undefined;
}

/** Checks a request against the model, whose defaults count where it says nothing. @throws InvalidRequestError, TokenizerError */
export function checkRequest(
  request: GenerationRequest,
  tokenizer: Tokenizer,
  { contextLength, vocabularySize }: Pick<ModelSpec, "contextLength" | "vocabularySize">,
  defaults: GenerationDefaults,
): CheckedRequest {
  // What needs no tokenizer comes first: it is refused at once, however long the text is.
  const { stop = [], decode = "routed", maxNewTokens: asked, defaultNewTokens, defaults: which = "model" } = request;
  if (asked !== undefined && !(Number.isSafeInteger(asked) && asked >= 0)) {
    throw new InvalidRequestError(`maxNewTokens must be a whole number, 0 or more, found ${String(asked)}.`);
  }
  if (defaultNewTokens !== undefined && !(defaultNewTokens === Infinity || (Number.isSafeInteger(defaultNewTokens) && defaultNewTokens >= 0))) {
    throw new InvalidRequestError(`defaultNewTokens must be a whole number, 0 or more, or Infinity, found ${String(defaultNewTokens)}.`);
  }
  if (!Array.isArray(stop) || stop.some((text) => typeof text !== "string" || text === "")) {
    throw new InvalidRequestError("stop must be a list of texts that are not empty.");
  }
  if (decode !== "routed" && decode !== "full") {
    throw new InvalidRequestError(`decode must be "routed" or "full", found ${JSON.stringify(decode)}.`);
  }
  if (which !== "model" && which !== "none") throw new InvalidRequestError(`defaults must be "model" or "none", found ${JSON.stringify(which)}.`);
  checkSession(request);
  const { count = 1, logprobs } = request;
  checkCounts(request);
  checkConstraint(request.constraint);
  const logitBias = checkLogitBias(request.logitBias, vocabularySize);
  const settings = resolveSettings(request, defaults);
  const { tokens, text } = promptWithin(request, tokenizer, contextLength);
  if (tokens.length === 0) throw new InvalidRequestError("The prompt has no tokens.", "Give a text that is not empty.");
  if (request.tokens !== undefined) checkVocabulary(tokens, vocabularySize);
  const room = contextLength - tokens.length;
  if (room < 1) {
    throw promptTooLong(String(tokens.length), tokens.length, contextLength);
  }
  const maxNewTokens = asked ?? Math.min(answerLength(settings, tokens.length), request.session === undefined ? room : Math.max(1, room - sessionSlack));
  if (maxNewTokens > room) {
    throw new ContextLengthError(
      `${tokens.length} prompt tokens and ${maxNewTokens} new ones exceed the model's context of ${contextLength}.`,
      `Ask for at most ${room} new tokens.`,
      tokens.length,
      contextLength,
      maxNewTokens,
    );
  }
  const goesOn = request.messages === undefined || request.chatTemplate?.continueFinalMessage === true;
  const textBefore = goesOn ? tokens : new Int32Array(0);
  return { tokens, text, maxNewTokens, stop: settings.stop, textBefore, decode, settings: { ...settings, maxNewTokens }, count, logprobs, logitBias };
}

/** Where the model limits prompt and answer together, what the prompt leaves of it. @throws InvalidRequestError when it leaves nothing */
function answerLength({ maxNewTokens, maxLength }: GenerationSettings, promptTokens: number): number {
  if (maxLength === undefined) return maxNewTokens;
  if (promptTokens < maxLength) return maxLength - promptTokens;
  throw new InvalidRequestError(
    `The prompt has ${promptTokens} tokens; max_length of the model's generation_config.json is ${maxLength}, answer included.`,
    "Say how many tokens the answer may have, or leave the model's defaults out.",
  );
}

function checkSession({ session, reroute = false, prefix = "reuse" }: GenerationRequest): void {
  if (session !== undefined && (typeof session !== "string" || session === "")) {
    throw new InvalidRequestError("session must be a name that is not empty.");
  }
  if (typeof reroute !== "boolean") throw new InvalidRequestError(`reroute must be true or false, found ${JSON.stringify(reroute)}.`);
  if (prefix !== "reuse" && prefix !== "pin" && prefix !== "none") {
    throw new InvalidRequestError(`prefix must be "reuse", "pin" or "none", found ${JSON.stringify(prefix)}.`);
  }
  if (prefix === "pin" && session !== undefined) {
    throw new InvalidRequestError("A pinned prefix belongs to no session.", "Pin the prefix by a request of its own, then begin the session with it.");
  }
}

function checkCounts({ count, logprobs, session }: GenerationRequest): void {
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= mostAnswers)) {
    throw new InvalidRequestError(`count must be a whole number from 1 to ${mostAnswers}, found ${String(count)}.`);
  }
  if (count !== undefined && count > 1 && session !== undefined) {
    throw new InvalidRequestError("A session goes on from one answer, and the request asks for several.", "Leave out count or session.");
  }
  if (logprobs !== undefined && !(Number.isInteger(logprobs) && logprobs >= 0 && logprobs <= mostTopTokens)) {
    throw new InvalidRequestError(`logprobs must be a whole number from 0 to ${mostTopTokens}, found ${String(logprobs)}.`);
  }
}

/** How many times the context a prompt is counted, to tell how much too long it is. */
const countedContexts = 4;

/** A prompt of many times the context is refused before all of it is tokenized. @throws InvalidRequestError, TokenizerError */
function promptWithin(input: PromptInput, tokenizer: Tokenizer, contextLength: number): ReadPrompt {
  const limit = countedContexts * contextLength;
  try {
    return readPrompt(input, tokenizer, limit);
  } catch (error) {
    if (!TokenLimitError.isInstance(error)) throw error;
    throw promptTooLong(`more than ${limit}`, limit, contextLength);
  }
}

function promptTooLong(count: string, promptTokens: number, contextLength: number): ContextLengthError {
  return new ContextLengthError(
    `The prompt has ${count} tokens; the model's context is ${contextLength}, answer included.`,
    "Shorten the prompt or choose a model with a longer context.",
    promptTokens,
    contextLength,
  );
}

/** Tokens that a tokenizer gave are its own. @throws InvalidRequestError */
function checkVocabulary(tokens: Int32Array, vocabularySize: number): void {
  const bad = tokens.findIndex((id) => id >= vocabularySize);
  if (bad >= 0) throw new InvalidRequestError(`tokens[${bad}] is ${tokens[bad]}; the model's vocabulary has ${vocabularySize} tokens.`, "Use the ids of this model's tokenizer.");
}
