import type { RoutingReport } from "@elastic-attention/generation";

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
  | { readonly type: "tool-call"; readonly call: ToolCall };

/** The end of one answer. */
export interface AnswerEnd {
  readonly type: "finish";
  readonly answer: number;
  readonly reason: FinishReason;
  /** Whether one of the request's stop texts ended it. */
  readonly atStopText: boolean;
  readonly report: RoutingReport;
  /** Of the new tokens, those of its thoughts. */
  readonly reasoningTokens: number;
}

/** What a request gives, whatever protocol the client speaks. */
export type AnswerEvent =
  | { readonly type: "progress"; readonly promptTokens: number; readonly processedTokens: number; readonly cachedTokens: number; readonly milliseconds: number }
  | ({ readonly answer: number } & AnswerPart)
  | AnswerEnd;
