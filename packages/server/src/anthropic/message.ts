import { type AnswerBlock, collectBlocks } from "../answer/answer-blocks.js";
import type { AnswerEnd, AnswerEvent } from "../answer/answer-event.js";
import type { AnswerWriter, StreamedEvent } from "../answer/answer-writer.js";
import { parsed } from "../answer/tool-calls/tool-call-format.js";
import { elasticOf, timingsOf, usageOf } from "../answer/usage.js";

export interface MessageHead {
  readonly id: string;
  readonly model: string;
  readonly promptTokens: number;
}

/** An answer as Anthropic's clients read it, whole. */
export async function collectMessage(head: MessageHead, events: AsyncIterable<AnswerEvent>): Promise<object> {
  const { blocks, end } = await collectBlocks(events);
  return { ...envelope(head), content: blocks.flatMap(contentOf), ...endOf(end), usage: usageBody(end), ...figures(end) };
}

function envelope({ id, model }: MessageHead): object {
  return { id, type: "message", role: "assistant", model };
}

/** A call that the answer's limit has cut has no input that anybody could use: it is left out, and the stop reason says why. */
function contentOf(block: AnswerBlock): readonly object[] {
  if (block.type !== "tool-call") return [textBlock(block.type, block.text)];
  const input = parsed(block.call.arguments);
  return input === undefined ? [] : [{ type: "tool_use", id: block.call.id, name: block.call.name, input }];
}

function textBlock(type: "text" | "reasoning", text: string): object {
  return type === "text" ? { type, text } : { type: "thinking", thinking: text, signature: "" };
}

function endOf({ reason, stopText }: AnswerEnd) {
  if (stopText !== undefined) return { stop_reason: "stop_sequence", stop_sequence: stopText };
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
  #open: "text" | "reasoning" | "call" | undefined;
  #end: AnswerEnd | undefined;

  constructor(private readonly head: MessageHead) {}

  *begin(): Iterable<StreamedEvent> {
    const usage = { input_tokens: this.head.promptTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
    yield named({ type: "message_start", message: { ...envelope(this.head), content: [], stop_reason: null, stop_sequence: null, usage } });
  }

  *take(event: AnswerEvent): Iterable<StreamedEvent> {
    if (event.type === "progress") return;
    if (event.type === "call-arguments") return yield this.#delta({ type: "input_json_delta", partial_json: event.text });
    if (event.type === "call" || event.type !== this.#open) yield* this.#closeBlock();
    if (event.type === "finish") this.#end = event;
    else if (event.type === "call") yield this.#openBlock({ type: "tool_use", id: event.id, name: event.name, input: {} }, "call");
    else {
      if (this.#open === undefined) yield this.#openBlock(textBlock(event.type, ""), event.type);
      yield this.#delta(event.type === "text" ? { type: "text_delta", text: event.text } : { type: "thinking_delta", thinking: event.text });
    }
  }

  *end(): Iterable<StreamedEvent> {
    if (this.#end !== undefined) yield named({ type: "message_delta", delta: endOf(this.#end), usage: usageBody(this.#end), ...figures(this.#end) });
    yield named({ type: "message_stop" });
  }

  #openBlock(content: object, kind: "text" | "reasoning" | "call"): StreamedEvent {
    this.#index += 1;
    this.#open = kind;
    return named({ type: "content_block_start", index: this.#index, content_block: content });
  }

  #delta(delta: object): StreamedEvent {
    return named({ type: "content_block_delta", index: this.#index, delta });
  }

  *#closeBlock(): Iterable<StreamedEvent> {
    if (this.#open === undefined) return;
    this.#open = undefined;
    yield named({ type: "content_block_stop", index: this.#index });
  }
}

function named(data: { readonly type: string } & Readonly<Record<string, unknown>>): StreamedEvent {
  return { event: data.type, data };
}
