import { type AnswerBlock, collectBlocks } from "../answer/answer-blocks.js";
import type { AnswerEnd, AnswerEvent } from "../answer/answer-event.js";
import type { AnswerWriter, StreamedEvent } from "../answer/answer-writer.js";
import { elasticOf, timingsOf, usageOf } from "../answer/usage.js";

export interface MessageHead {
  readonly id: string;
  readonly model: string;
  readonly promptTokens: number;
  readonly stop: readonly string[];
}

/** An answer as Anthropic's clients read it, whole. */
export async function collectMessage(head: MessageHead, events: AsyncIterable<AnswerEvent>): Promise<object> {
  const { blocks, end } = await collectBlocks(events);
  return { ...envelope(head), content: blocks.map(contentOf), ...endOf(head, end), usage: usageBody(end), ...figures(end) };
}

function envelope({ id, model }: MessageHead): object {
  return { id, type: "message", role: "assistant", model };
}

function contentOf(block: AnswerBlock): object {
  if (block.type === "tool-call") return { type: "tool_use", id: block.call.id, name: block.call.name, input: JSON.parse(block.call.arguments) as unknown };
  return block.type === "text" ? { type: "text", text: block.text } : { type: "thinking", thinking: block.text, signature: "" };
}

function endOf({ stop }: MessageHead, { reason, atStopText }: AnswerEnd) {
  if (atStopText && stop.length > 0) return { stop_reason: "stop_sequence", stop_sequence: stop.length === 1 ? stop[0] : null };
  return { stop_reason: reason === "length" ? "max_tokens" : reason === "tool_calls" ? "tool_use" : "end_turn", stop_sequence: null };
}

function usageBody(end: AnswerEnd) {
  const { promptTokens, cachedTokens, newTokens } = usageOf([end]);
  return { input_tokens: promptTokens - cachedTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: cachedTokens, output_tokens: newTokens };
}

function figures({ report }: AnswerEnd) {
  return { timings: timingsOf(report), elastic: elasticOf(report) };
}

/** Writes an answer as Anthropic's events. */
export class MessageWriter implements AnswerWriter {
  #index = -1;
  #open: "text" | "reasoning" | undefined;
  #end: AnswerEnd | undefined;

  constructor(private readonly head: MessageHead) {}

  *begin(): Iterable<StreamedEvent> {
    const usage = { input_tokens: this.head.promptTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
    yield named({ type: "message_start", message: { ...envelope(this.head), content: [], stop_reason: null, stop_sequence: null, usage } });
  }

  *take(event: AnswerEvent): Iterable<StreamedEvent> {
    if (event.type === "progress") return;
    if (event.type === "finish") this.#end = event;
    if (event.type !== this.#open) yield* this.#closeBlock();
    if (event.type === "text" || event.type === "reasoning") {
      if (this.#open === undefined) yield this.#openBlock(contentOf({ type: event.type, text: "" }), event.type);
      const delta = event.type === "text" ? { type: "text_delta", text: event.text } : { type: "thinking_delta", thinking: event.text };
      yield named({ type: "content_block_delta", index: this.#index, delta });
    } else if (event.type === "tool-call") {
      const { id, name, arguments: text } = event.call;
      yield this.#openBlock({ type: "tool_use", id, name, input: {} });
      yield named({ type: "content_block_delta", index: this.#index, delta: { type: "input_json_delta", partial_json: text } });
      yield named({ type: "content_block_stop", index: this.#index });
    }
  }

  *end(): Iterable<StreamedEvent> {
    if (this.#end !== undefined) yield named({ type: "message_delta", delta: endOf(this.head, this.#end), usage: usageBody(this.#end), ...figures(this.#end) });
    yield named({ type: "message_stop" });
  }

  #openBlock(content: object, kind?: "text" | "reasoning"): StreamedEvent {
    this.#index += 1;
    this.#open = kind;
    return named({ type: "content_block_start", index: this.#index, content_block: content });
  }

  *#closeBlock(): Iterable<StreamedEvent> {
    if (this.#open === undefined) return;
    this.#open = undefined;
    yield named({ type: "content_block_stop", index: this.#index });
  }
}

function named<Data extends { readonly type: string }>(data: Data): StreamedEvent {
  return { event: data.type, data };
}
