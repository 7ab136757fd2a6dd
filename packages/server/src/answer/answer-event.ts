import type { RoutingReport, TokenLogprobs } from "@elastic-attention/generation";

/** Why an answer ended; `tool_calls`: it calls tools and waits for what they give. */
export type FinishReason = "stop" | "length" | "tool_calls" | "aborted";

/** A tool that an answer calls. */
export interface ToolCall {
  /** Place among the calls of its answer. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
}

/** A part of what a model writes, with its markup taken away. */
export type AnswerPart =
  | { readonly type: "text" | "reasoning"; readonly text: string }
  /** A call begins; its arguments follow. */
  | { readonly type: "call"; readonly index: number; readonly id: string; readonly name: string }
  /** A piece of a call's arguments: all of them together are JSON. */
  | { readonly type: "call-arguments"; readonly index: number; readonly text: string };

/** A token and its log-probability, where the request asks for them. */
export interface TokenChance extends TokenLogprobs {
  readonly text: string;
}

/** The end of one answer. */
export interface AnswerEnd {
  readonly type: "finish";
  readonly answer: number;
  readonly reason: FinishReason;
  /** Which of the request's stop texts ended it, if one did. */
  readonly stopText: string | undefined;
  readonly report: RoutingReport;
  /** Of the new tokens, those of its thoughts. */
  readonly reasoningTokens: number;
  /** Of tokens whose text no part had. */
  readonly chances: readonly TokenChance[];
}

/** What a request gives, whatever protocol the client speaks. */
export type AnswerEvent =
  | { readonly type: "progress"; readonly promptTokens: number; readonly processedTokens: number; readonly cachedTokens: number; readonly milliseconds: number }
  /** `chances`: of the tokens since the last part. */
  | ({ readonly answer: number; readonly chances: readonly TokenChance[] } & AnswerPart)
  | AnswerEnd;
