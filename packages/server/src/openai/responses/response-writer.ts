import type { AnswerBlock } from "../../answer/answer-blocks.js";
import type { AnswerEnd, AnswerEvent } from "../../answer/answer-event.js";
import type { AnswerWriter, StreamedEvent } from "../../answer/answer-writer.js";
import { finishedResponse, itemOf, partOf, responseBody, type ResponseHead } from "./response.js";

type TextBlock = Exclude<AnswerBlock, { type: "tool-call" }>;

/** Writes an answer as the events of the Responses API. */
export class ResponseWriter implements AnswerWriter {
  readonly #blocks: AnswerBlock[] = [];
  #open: TextBlock | undefined;
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
    if (event.type !== this.#open?.type) yield* this.#close();
    if (event.type === "finish") this.#end = event;
    else if (event.type === "tool-call") yield* this.#call({ type: event.type, call: event.call });
    else yield* this.#text(event.type, event.text);
  }

  *end(): Iterable<StreamedEvent> {
    if (this.#end === undefined) return;
    const response = finishedResponse(this.head, this.#blocks, this.#end);
    yield this.#event(this.#end.reason === "length" ? "response.incomplete" : "response.completed", { response });
  }

  *#text(type: TextBlock["type"], text: string): Iterable<StreamedEvent> {
    if (this.#open === undefined) {
      this.#open = { type, text: "" };
      yield this.#event("response.output_item.added", { output_index: this.#index, item: this.#item(this.#open, "in_progress") });
      if (type === "text") yield this.#event("response.content_part.added", { ...this.#place(this.#open), part: partOf(this.#open) });
    }
    this.#open = { type, text: this.#open.text + text };
    yield this.#event(type === "text" ? "response.output_text.delta" : "response.reasoning_text.delta", { ...this.#place(this.#open), delta: text, ...(type === "text" ? { logprobs: [] } : {}) });
  }

  *#close(): Iterable<StreamedEvent> {
    const block = this.#open;
    if (block === undefined) return;
    const place = this.#place(block);
    if (block.type === "text") {
      yield this.#event("response.output_text.done", { ...place, text: block.text, logprobs: [] });
      yield this.#event("response.content_part.done", { ...place, part: partOf(block) });
    } else yield this.#event("response.reasoning_text.done", { ...place, text: block.text });
    this.#open = undefined;
    yield this.#done(block);
  }

  *#call(block: Extract<AnswerBlock, { type: "tool-call" }>): Iterable<StreamedEvent> {
    const item = this.#item(block, "in_progress");
    yield this.#event("response.output_item.added", { output_index: this.#index, item });
    const place = { item_id: item.id, output_index: this.#index };
    yield this.#event("response.function_call_arguments.delta", { ...place, delta: block.call.arguments });
    yield this.#event("response.function_call_arguments.done", { ...place, name: block.call.name, arguments: block.call.arguments });
    yield this.#done(block);
  }

  #done(block: AnswerBlock): StreamedEvent {
    const event = this.#event("response.output_item.done", { output_index: this.#index, item: this.#item(block, "completed") });
    this.#blocks.push(block);
    return event;
  }

  get #index(): number {
    return this.#blocks.length;
  }

  #item(block: AnswerBlock, status: "in_progress" | "completed"): { readonly id: string } {
    return itemOf(this.head, block, this.#index, status) as { readonly id: string };
  }

  #place(block: AnswerBlock): object {
    return { item_id: this.#item(block, "in_progress").id, output_index: this.#index, content_index: 0 };
  }

  #event(type: string, data: object): StreamedEvent {
    return { event: type, data: { type, sequence_number: this.#sequence++, ...data } };
  }
}
