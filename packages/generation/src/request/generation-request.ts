import type { Retention } from "@elastic-attention/attention";
import type { ChatTemplateOptions } from "../tokenizer/chat-template.js";
import type { Router } from "@elastic-attention/router";
import type { ElasticModeName } from "@elastic-attention/transformer";
import type { LogitBias } from "../sampling/logit-bias.js";
import type { ConstraintRequest } from "../sampling/token-constraint.js";
import type { GenerationSettings } from "./generation-settings.js";
import type { RequestRouting } from "./request-routing.js";

/** One message of a conversation, in the form chat templates expect. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or what else the model's template knows. */
  readonly role: string;
  /** A text, or parts such as `{ type: "text", text: "…" }` for templates that know them. */
  readonly content?: string | readonly Readonly<Record<string, unknown>>[] | null;
  /** What else the template knows: `tool_calls`, `reasoning_content`, `name`. */
  readonly [key: string]: unknown;
}

/**
 * How the next token is drawn. What is left out is as the model's generation_config.json says, where the model has one, else
 * greedy.
 */
export interface SamplingParameters {
  /** 0 is greedy. */
  readonly temperature?: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK?: number;
  /** Keep the smallest set of tokens whose probability reaches this; 1 keeps all. */
  readonly topP?: number;
  /** Drop tokens less likely than this share of the most likely one; 0 drops none. */
  readonly minP?: number;
  /** Divides (or multiplies, when negative) the logits of tokens already seen; 1 is off. */
  readonly repetitionPenalty?: number;
  /** Subtracted from the logits of tokens that the answer has already, -2 to 2; 0 is off. */
  readonly presencePenalty?: number;
  /** The same, once for each time the answer has a token, -2 to 2; 0 is off. */
  readonly frequencyPenalty?: number;
  /** Same seed and same prompt give the same text at any batch size. */
  readonly seed?: number;
}

/** Named combinations of retrieval and sparse mode (paper section 4), and of modes that a user registered. */
export type ModeName = ElasticModeName;

/** What to generate from and how. Exactly one of `prompt`, `messages` and `tokens` is given. */
export interface GenerationRequest {
  /** Raw text, no template applied. */
  readonly prompt?: string;
  /** Conversation; the model's chat template is applied. */
  readonly messages?: readonly ChatMessage[];
  /** What the messages are rendered with: tools, documents, variables such as `enable_thinking`, or a message to continue. */
  readonly chatTemplate?: ChatTemplateOptions;
  readonly tokens?: ArrayLike<number>;
  /** Default: {@link defaultNewTokens}. */
  readonly maxNewTokens?: number;
  /**
   * New tokens where `maxNewTokens` says nothing, and at most what the context has room for; Infinity: all of that. Default: as
   * the model's generation_config.json says, else 512.
   */
  readonly defaultNewTokens?: number;
  readonly sampling?: SamplingParameters;
  /**
   * What counts where `sampling`, `maxNewTokens` and `stop` say nothing: "model" (default) is generation_config.json of the
   * model's folder, then the engine's defaults; "none" is the engine's defaults alone: greedy, 512 tokens, no stop text.
   */
  readonly defaults?: "model" | "none";
  /** Generation ends before the first of these texts; none of it is emitted. Default: as the model's generation_config.json says. */
  readonly stop?: readonly string[];
  /** Default: the model's own elastic modes, "full" for a plain checkpoint. */
  readonly mode?: ModeName;
  /** The sparsity dial: target share of key-value heads in the sparse mode, 0 to 1. Default: as the router decides. */
  readonly sparsity?: number;
  /**
   * A router of the caller's own, instead of `mode` and `sparsity`; it stays the caller's. Only where the engine computes in
   * the same thread: `WorkerEngine` refuses it. The name of a router (`registerRouter`) goes everywhere, together with
   * `mode` and, where the router scores heads, `sparsity`.
   */
  readonly router?: Router | string;
  /** "routed" (default): streaming heads keep sink and local tokens only. "full": the published behaviour. */
  readonly decode?: "routed" | "full";
  /**
   * A name for the turns of one conversation. What the last turn left in the cache stays, and where this prompt goes on
   * from there, only the rest is read, under the plan that the first turn's prefill made.
   */
  readonly session?: string;
  /**
   * Read the whole prompt again, with new routing, whatever the session's cache or the cache of prefixes holds. Default false.
   */
  readonly reroute?: boolean;
  /**
   * What the cache of prefixes does for this prompt. "reuse" (default): the longest beginning that was read before is not read
   * again, under the plan that it was given. "pin": this prompt is read with every head full and all of its keys kept, so that
   * requests which begin with it do not read it again and are each routed for themselves. "none": neither used nor kept.
   */
  readonly prefix?: "reuse" | "pin" | "none";
  /**
   * Answers to draw, 1 (default) to 128, all from one reading of the prompt. The first is what it would be alone; each of the
   * others has a seed of its own, which follows from the request's. Not together with a session.
   */
  readonly count?: number;
  /** Tells the log-probability of each token, and of so many most likely ones, 0 to 20. Default: of none. */
  readonly logprobs?: number;
  /** Added to the logits of tokens, by id, -100 to 100; at most 1000 tokens. */
  readonly logitBias?: LogitBias;
  /** Keeps answers to what a registered constraint allows, such as a grammar. */
  readonly constraint?: ConstraintRequest;
  readonly signal?: AbortSignal;
  /** Called once when the request has been checked and waits for its turn; what is thrown afterwards is no mistake in it. */
  readonly onAccepted?: (promptTokens: number) => void;
}

/** Natural logarithms of probabilities as the model's logits have them, before temperature, bias, penalties and masks. */
export interface TokenLogprobs {
  readonly logprob: number;
  /** The most likely tokens, most likely first; -Infinity for one that the model gives no chance. */
  readonly top: readonly { readonly id: number; readonly text: string; readonly logprob: number }[];
}

/** What a finished request did; every figure measured, none estimated. */
export interface RoutingReport {
  readonly promptTokens: number;
  /** Of the prompt's tokens, those that the session's cache or the cache of prefixes held already. */
  readonly reusedTokens: number;
  readonly newTokens: number;
  /** What the answer was drawn with, and where each setting comes from; undefined for a request that was aborted before it was looked at. */
  readonly settings: GenerationSettings | undefined;
  /** What decided: the model's learned routers, a head list, nothing, or a router of the caller's own. */
  readonly router: RequestRouting["kind"];
  /** Share of key-value heads in the sparse mode over all layers that a router decides about (paper eq. 4). */
  readonly modelSparsity: number;
  /** Share of causal blocks that were not visited, over the heads of those layers, at prefill; in a later turn, by its plan. */
  readonly effectiveSparsity: number;
  /** Labels of the modes in the head map. */
  readonly modes: readonly string[];
  /**
   * For each of these modes, what a head in it keeps for decoding under `decode: "routed"`: all tokens, or the sink and the
   * latest (a shorter prompt is kept whole).
   */
  readonly retentions: readonly Retention[];
  /** [layer][kvHead]: index into `modes`; empty in layers with a sliding window, which the model fixes. */
  readonly headMap: readonly (readonly number[])[];
  /** The sliding window of each layer in tokens; null where a layer sees the whole context. */
  readonly windows: readonly (number | null)[];
  /** From the beginning of the prefill until its logits were there, without the decode steps that others took in between. */
  readonly prefillSeconds: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  /** Its share of the decode steps: the seconds of each, divided by the requests that took part. */
  readonly decodeShareSeconds: number;
  readonly keyValueBytes: number;
  /** What the same cache would take with every head full. */
  readonly fullKeyValueBytes: number;
  /** Where the engine speculates: tokens that were drafted for the answer, and those of them that were right. */
  readonly drafts?: { readonly tokens: number; readonly accepted: number };
}

/**
 * What a running request tells, in this order: progress*, token*, finish. Of several answers the tokens come mixed, each with
 * the number of its answer from 0, and there is a finish for each.
 */
export type GenerationEvent =
  | {
      /** Once a layer, and while a layer takes long. */
      readonly type: "progress";
      readonly layersDone: number;
      readonly layersTotal: number;
      readonly promptTokens: number;
      /** Of the prompt's tokens, how much of the work is done; a share of the layers, as each takes all tokens at once. */
      readonly processedTokens: number;
      /** Of these, tokens that were there before. */
      readonly cachedTokens: number;
      /** Once for each layer, when it has been read: modes of its heads, as {@link RoutingReport.headMap} has them. */
      readonly heads?: readonly number[];
    }
  | {
      readonly type: "token";
      readonly id: number;
      readonly text: string;
      readonly answer: number;
      /** Where the request asks for them. */
      readonly logprobs?: TokenLogprobs;
    }
  | {
      readonly type: "finish";
      readonly answer: number;
      readonly reason: "end-of-text" | "length" | "stop" | "aborted";
      /** Which stop text ended it, where one did. */
      readonly stopText?: string;
      readonly text: string;
      readonly report: RoutingReport;
    };
