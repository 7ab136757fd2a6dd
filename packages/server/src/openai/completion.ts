import type { AnswerEnd, AnswerEvent, TokenChance } from "../answer/answer-event.js";
import type { AnswerWriter, StreamedEvent } from "../answer/answer-writer.js";
import { openAiUsage, usageOf } from "../answer/usage.js";
import { completionLogprobs } from "./completion-logprobs.js";
import { type AnswerHead, figuresOf, openAiReason, progressOf } from "./chat/chat-completion.js";

/** An event of one of the prompts of a request. */
export interface PromptEvent {
  readonly prompt: number;
  readonly event: AnswerEvent;
}

export interface CompletionOptions {
  /** Answers of each prompt. */
  readonly answers: number;
  /** The texts in front of the answers; undefined: they are not wanted. */
  readonly echo?: readonly string[] | undefined;
  readonly includesUsage: boolean;
  readonly returnsProgress: boolean;
}

/** The answers of some prompts, whole. */
export async function collectCompletion({ id, created, model }: AnswerHead, events: AsyncIterable<PromptEvent>, { answers, echo }: CompletionOptions): Promise<object> {
  const texts = new Map<number, string>();
  const chances = new Map<number, readonly TokenChance[]>();
  const ends: { readonly index: number; readonly end: AnswerEnd }[] = [];
  for await (const { prompt, event } of events) {
    if (event.type === "progress" || event.type === "call" || event.type === "call-arguments") continue;
    const index = prompt * answers + event.answer;
    chances.set(index, [...(chances.get(index) ?? []), ...event.chances]);
    if (event.type === "finish") ends.push({ index, end: event });
    else texts.set(index, (texts.get(index) ?? echo?.[prompt] ?? "") + event.text);
  }
  const choices = ends.toSorted((a, b) => a.index - b.index).map(({ index, end }) => ({
    index,
    text: texts.get(index) ?? echo?.[Math.floor(index / answers)] ?? "",
    logprobs: completionLogprobs(chances.get(index) ?? [], echo?.[Math.floor(index / answers)]?.length ?? 0),
    finish_reason: openAiReason(end),
  }));
  const all = ends.map(({ end }) => end);
  return { id, object: "text_completion", created, model, choices, usage: openAiUsage(usageOf(all)), ...figuresOf(all) };
}

/** Writes the answers of some prompts as chunks. */
export class CompletionWriter implements AnswerWriter {
  readonly #ends: AnswerEnd[] = [];
  /** Characters of each choice so far. */
  readonly #lengths = new Map<number, number>();

  constructor(
    private readonly head: AnswerHead,
    private readonly options: CompletionOptions,
    /** Which of the prompts is written. */
    private readonly prompt: () => number,
  ) {}

  *begin(): Iterable<StreamedEvent> {
    for (const [prompt, text] of (this.options.echo ?? []).entries()) {
      for (let answer = 0; answer < this.options.answers; answer++) yield this.#chunk(prompt * this.options.answers + answer, text);
    }
  }

  *take(event: AnswerEvent): Iterable<StreamedEvent> {
    // A raw prompt has no tools.
    if (event.type === "call" || event.type === "call-arguments") return;
    if (event.type === "progress") {
      if (this.options.returnsProgress) yield { data: { ...this.#body([]), prompt_progress: progressOf(event) } };
      return;
    }
    const index = this.prompt() * this.options.answers + event.answer;
    if (event.type !== "finish") return yield this.#chunk(index, event.text, event.chances);
    this.#ends.push(event);
    yield this.#chunk(index, "", event.chances, event);
  }

  *end(): Iterable<StreamedEvent> {
    if (this.options.includesUsage) yield { data: { ...this.#body([]), usage: openAiUsage(usageOf(this.#ends)) } };
    yield { data: "[DONE]" };
  }

  #chunk(index: number, text: string, chances: readonly TokenChance[] = [], end?: AnswerEnd): StreamedEvent {
    const logprobs = completionLogprobs(chances, this.#lengths.get(index) ?? 0);
    this.#lengths.set(index, (this.#lengths.get(index) ?? 0) + text.length);
    const choice = { index, text, logprobs, finish_reason: end === undefined ? null : openAiReason(end) };
    return { data: { ...this.#body([choice]), ...(end === undefined ? {} : figuresOf([end])) } };
  }

  #body(choices: readonly object[]): object {
    const { id, created, model } = this.head;
    return { id, object: "text_completion", created, model, choices, ...(this.options.includesUsage ? { usage: null } : {}) };
  }
}
