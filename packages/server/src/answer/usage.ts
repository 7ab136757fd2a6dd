import type { RoutingReport } from "@elastic-attention/generation";
import type { AnswerEnd } from "./answer-event.js";

/** Tokens of the answers of one or more prompts. */
export interface AnswerUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly newTokens: number;
  readonly reasoningTokens: number;
}

/** Sums up; the prompt that several answers share counts once. */
export function usageOf(ends: readonly AnswerEnd[]): AnswerUsage {
  const prompts = ends.filter(({ answer }) => answer === 0);
  const sum = <Item>(items: readonly Item[], of: (item: Item) => number) => items.reduce((total, item) => total + of(item), 0);
  return {
    promptTokens: sum(prompts, ({ report }) => report.promptTokens),
    cachedTokens: sum(prompts, ({ report }) => report.reusedTokens),
    newTokens: sum(ends, ({ report }) => report.newTokens),
    reasoningTokens: sum(ends, ({ reasoningTokens }) => reasoningTokens),
  };
}

/** As OpenAI's clients read it. */
export function openAiUsage({ promptTokens, cachedTokens, newTokens, reasoningTokens }: AnswerUsage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: newTokens,
    total_tokens: promptTokens + newTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

/** Milliseconds and rates as llama.cpp's server gives them. */
export function timingsOf({ promptTokens, reusedTokens, newTokens, prefillSeconds, prefillTokensPerSecond, decodeTokensPerSecond }: RoutingReport) {
  const read = promptTokens - reusedTokens;
  const decodeSeconds = decodeTokensPerSecond > 0 ? Math.max(0, newTokens - 1) / decodeTokensPerSecond : 0;
  return {
    cache_n: reusedTokens,
    prompt_n: read,
    prompt_ms: prefillSeconds * 1000,
    prompt_per_token_ms: read > 0 ? (prefillSeconds * 1000) / read : 0,
    prompt_per_second: prefillTokensPerSecond,
    predicted_n: newTokens,
    predicted_ms: decodeSeconds * 1000,
    predicted_per_token_ms: decodeTokensPerSecond > 0 ? 1000 / decodeTokensPerSecond : 0,
    predicted_per_second: decodeTokensPerSecond,
  };
}

/** What the routing of a request saved. */
export function elasticOf({ modelSparsity, effectiveSparsity, keyValueBytes, fullKeyValueBytes, router }: RoutingReport) {
  return { msr: modelSparsity, esr: effectiveSparsity, keyValueBytes, fullKeyValueBytes, router };
}
