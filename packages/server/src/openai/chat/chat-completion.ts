import { createHash } from "node:crypto";
import { blocksOf } from "../../answer/answer-blocks.js";
import type { AnswerEnd, AnswerEvent, AnswerPart, TokenChance, ToolCall } from "../../answer/answer-event.js";
import type { AnswerWriter, StreamedEvent } from "../../answer/answer-writer.js";
import { elasticOf, openAiUsage, timingsOf, usageOf } from "../../answer/usage.js";
import { chatLogprobs } from "./chat-logprobs.js";

/** What every chunk of an answer says of it. */
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** Why an answer ended, as OpenAI's clients know it. */
export function openAiReason({ reason }: AnswerEnd): string {
  return reason === "aborted" ? "stop" : reason;
}

/** A chat's answers, whole. */
export async function collectChat({ id, created, model }: AnswerHead, events: AsyncIterable<AnswerEvent>): Promise<object> {
  const parts = new Map<number, AnswerPart[]>();
  const chances = new Map<number, TokenChance[]>();
  const ends: AnswerEnd[] = [];
  for await (const event of events) {
    if (event.type === "progress") continue;
    chances.set(event.answer, [...(chances.get(event.answer) ?? []), ...event.chances]);
    if (event.type === "finish") ends.push(event);
    else parts.set(event.answer, [...(parts.get(event.answer) ?? []), event]);
  }
  const choices = ends.toSorted((a, b) => a.answer - b.answer).map((end) => ({
    index: end.answer,
    message: messageOf(parts.get(end.answer) ?? []),
    logprobs: chatLogprobs(chances.get(end.answer) ?? []),
    finish_reason: openAiReason(end),
  }));
  return { id, object: "chat.completion", created, model, choices, usage: openAiUsage(usageOf(ends)), ...figuresOf(ends) };
}

/** Routing and timings of a request. */
export function figuresOf(ends: readonly AnswerEnd[]): object {
  const report = ends.find(({ answer }) => answer === 0)?.report;
  return report === undefined ? {} : { timings: timingsOf(report), elastic: elasticOf(report) };
}

function messageOf(parts: readonly AnswerPart[]): object {
  const text = joined(parts, "text");
  const thoughts = joined(parts, "reasoning");
  const calls = blocksOf(parts).flatMap((block) => (block.type === "tool-call" ? [callBody(block.call)] : []));
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

export function joined(parts: readonly AnswerPart[], type: "text" | "reasoning"): string {
  return parts.map((part) => (part.type === type ? part.text : "")).join("");
}

function callBody({ id, name, arguments: settings }: ToolCall) {
  return { id, type: "function", function: { name, arguments: settings } };
}

export interface ChatWriterOptions {
  readonly answers: number;
  readonly includesUsage: boolean;
  readonly returnsProgress: boolean;
}

/** Writes a chat's answers as chunks. */
export class ChatWriter implements AnswerWriter {
  readonly #ends: AnswerEnd[] = [];
  readonly #fingerprint: string;

  constructor(
    private readonly head: AnswerHead,
    private readonly options: ChatWriterOptions,
  ) {
    this.#fingerprint = fingerprint(head.model);
  }

  *begin(): Iterable<StreamedEvent> {
    for (let answer = 0; answer < this.options.answers; answer++) yield this.#chunk(answer, { role: "assistant", content: "" });
  }

  *take(event: AnswerEvent): Iterable<StreamedEvent> {
    switch (event.type) {
      case "progress":
        if (this.options.returnsProgress) yield { data: { ...this.#body([]), prompt_progress: progressOf(event) } };
        return;
      case "text":
        return yield this.#chunk(event.answer, { content: event.text }, event.chances);
      case "reasoning":
        return yield this.#chunk(event.answer, { reasoning_content: event.text }, event.chances);
      case "call": {
        const { index, id, name } = event;
        return yield this.#chunk(event.answer, { tool_calls: [{ index, ...callBody({ index, id, name, arguments: "" }) }] }, event.chances);
      }
      case "call-arguments":
        return yield this.#chunk(event.answer, { tool_calls: [{ index: event.index, function: { arguments: event.text } }] }, event.chances);
      case "finish":
        this.#ends.push(event);
        return yield this.#chunk(event.answer, {}, event.chances, event);
    }
  }

  *end(): Iterable<StreamedEvent> {
    if (this.options.includesUsage) yield { data: { ...this.#body([]), usage: openAiUsage(usageOf(this.#ends)), ...figuresOf(this.#ends) } };
    yield { data: "[DONE]" };
  }

  #chunk(answer: number, delta: object, chances: readonly TokenChance[] = [], end?: AnswerEnd): StreamedEvent {
    const choice = { index: answer, delta, logprobs: chatLogprobs(chances), finish_reason: end === undefined ? null : openAiReason(end) };
    return { data: { ...this.#body([choice]), ...(end === undefined ? {} : figuresOf([end])) } };
  }

  #body(choices: readonly object[]): object {
    const { id, created, model } = this.head;
    // Some clients want the key in every chunk once usage was asked for.
    return { id, object: "chat.completion.chunk", created, model, system_fingerprint: this.#fingerprint, choices, ...(this.options.includesUsage ? { usage: null } : {}) };
  }
}

/** How far a prompt is read, as llama.cpp's server says it. */
export function progressOf({ promptTokens, cachedTokens, processedTokens, milliseconds }: Extract<AnswerEvent, { type: "progress" }>) {
  return { total: promptTokens, cache: cachedTokens, processed: processedTokens, time_ms: Math.round(milliseconds) };
}

function fingerprint(model: string): string {
  return `fp_${createHash("sha256").update(model).digest("hex").slice(0, 10)}`;
}
