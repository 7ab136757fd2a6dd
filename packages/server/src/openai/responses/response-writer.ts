import type { AnswerBlock } from "../../answer/answer-blocks.js";
import type { AnswerEnd, AnswerEvent } from "../../answer/answer-event.js";
import type { AnswerWriter, StreamedEvent } from "../../answer/answer-writer.js";
import { finishedResponse, itemOf, type ItemStatus, partOf, responseBody, type ResponseHead } from "./response.js";

type CallBlock = Extract<AnswerBlock, { type: "tool-call" }>;
type TextBlock = Exclude<AnswerBlock, CallBlock>;

/** Writes an answer as the events of the Responses API. */
export class ResponseWriter implements AnswerWriter {
  readonly #blocks: AnswerBlock[] = [];
  #open: AnswerBlock | undefined;
  #sequence = 0;
  #end: AnswerEnd | undefined;

  constructor(private readonly head: ResponseHead) {}

  *begin(): Iterable<StreamedEvent> {
    const response = responseBody(this.head, "in_progress");
    yield this.#event("response.created", { response });
    yield this.#event("response.in_progress", { response });
  }

  *take(event: AnswerEvent): Iterable<StreamedEvent> {
    if (event.type === "progress") return;
    if (event.type === "call-arguments") return yield this.#arguments(event.text);
    const goesOn = event.type === this.#open?.type;
    if (!goesOn) yield* this.#close(event.type === "finish" && event.reason === "length" ? "incomplete" : "completed");
    if (event.type === "finish") this.#end = event;
    else if (event.type === "call") yield this.#call({ index: event.index, id: event.id, name: event.name, arguments: "" });
    else yield* this.#text(event.type, event.text);
  }

  *end(): Iterable<StreamedEvent> {
    if (this.#end === undefined) return;
    const response = finishedResponse(this.head, this.#blocks, this.#end);
    yield this.#event(this.#end.reason === "length" ? "response.incomplete" : "response.completed", { response });
  }

  *#text(type: TextBlock["type"], text: string): Iterable<StreamedEvent> {
    const before = this.#open as TextBlock | undefined;
    const block: TextBlock = { type, text: (before?.text ?? "") + text };
    this.#open = block;
    if (before === undefined) {
      const empty = { type, text: "" };
      yield this.#event("response.output_item.added", { output_index: this.#index, item: this.#item(empty, "in_progress") });
      if (type === "text") yield this.#event("response.content_part.added", { ...this.#place(block), part: partOf(empty) });
    }
    yield this.#event(type === "text" ? "response.output_text.delta" : "response.reasoning_text.delta", { ...this.#place(block), delta: text, ...(type === "text" ? { logprobs: [] } : {}) });
  }

  #call(call: CallBlock["call"]): StreamedEvent {
    this.#open = { type: "tool-call", call };
    return this.#event("response.output_item.added", { output_index: this.#index, item: this.#item(this.#open, "in_progress") });
  }

  #arguments(text: string): StreamedEvent {
    const { call } = this.#open as CallBlock;
    const block: CallBlock = { type: "tool-call", call: { ...call, arguments: call.arguments + text } };
    this.#open = block;
    return this.#event("response.function_call_arguments.delta", { item_id: this.#item(block, "in_progress").id, output_index: this.#index, delta: text });
  }

  *#close(status: ItemStatus): Iterable<StreamedEvent> {
    const block = this.#open;
    if (block === undefined) return;
    this.#open = undefined;
    if (block.type === "tool-call") {
      const { name, arguments: text } = block.call;
      yield this.#event("response.function_call_arguments.done", { item_id: this.#item(block, status).id, output_index: this.#index, name, arguments: text });
    } else {
      const place = this.#place(block);
      if (block.type === "text") {
        yield this.#event("response.output_text.done", { ...place, text: block.text, logprobs: [] });
        yield this.#event("response.content_part.done", { ...place, part: partOf(block) });
      } else yield this.#event("response.reasoning_text.done", { ...place, text: block.text });
    }
    yield this.#done(block, status);
  }

  #done(block: AnswerBlock, status: ItemStatus): StreamedEvent {
    const event = this.#event("response.output_item.done", { output_index: this.#index, item: this.#item(block, status) });
    this.#blocks.push(block);
    return event;
  }

  get #index(): number {
    return this.#blocks.length;
  }

  #item(block: AnswerBlock, status: ItemStatus): { readonly id: string } {
    return itemOf(this.head, block, this.#index, status) as { readonly id: string };
  }

  #place(block: AnswerBlock): object {
    return { item_id: this.#item(block, "in_progress").id, output_index: this.#index, content_index: 0 };
  }

  #event(type: string, data: object): StreamedEvent {
    return { event: type, data: { type, sequence_number: this.#sequence++, ...data } };
  }
}
