import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import { TextStream } from "../text/text-stream.js";
import type { CheckedRequest } from "../request/checked-request.js";
import type { GenerationEvent } from "../request/generation-request.js";

/** Why an answer ends. */
export type FinishReason = Extract<GenerationEvent, { type: "finish" }>["reason"];

/** A token that the reader gets, and why the answer ends with it, if it does. */
export interface AnsweredToken {
  readonly event: Pick<Extract<GenerationEvent, { type: "token" }>, "type" | "id" | "text">;
  readonly reason: FinishReason | undefined;
}

/** Tokens of an answer and the text they stand for. They stay when the request's memory is given up and computed again. */
export class Answer {
  readonly #text: TextStream;
  readonly #tokens: number[] = [];
  /** Tokens that the model has given since it began, or began again. */
  #given = 0;

  /** @throws TokenizerError */
  constructor(
    private readonly request: Pick<CheckedRequest, "textBefore" | "stop" | "maxNewTokens">,
    private readonly endOfText: ReadonlySet<number>,
    tokenizer: Tokenizer,
  ) {
    this.#text = new TextStream(tokenizing(() => tokenizer.detokenizer(request.textBefore)), request.stop);
  }

  get numTokens(): number {
    return this.#tokens.length;
  }

  /** All text that came out so far. */
  get text(): string {
    return this.#text.whole;
  }

  /** What the tokens stand for, stop texts included. */
  get rawText(): string {
    return this.#text.raw;
  }

  /** The stop text that ended it, if one did. */
  get stopText(): string | undefined {
    return this.#text.stopText;
  }

  /** The next tokens, where the model gives again what it gave before; `count` at most. */
  knownTokens(count: number): readonly number[] {
    return this.#tokens.slice(this.#given, this.#given + count);
  }

  /** Tokens that the model may still give. */
  get tokensLeft(): number {
    return this.request.maxNewTokens - this.#given;
  }

  /** The token that the model reads next. */
  get lastGiven(): number {
    return this.#tokens[this.#given - 1]!;
  }

  /** Whether the model has given every token, also after a restart. */
  get isCaughtUp(): boolean {
    return this.#given === this.#tokens.length;
  }

  /** Tokens that the model has read, and the one that it has not, unless it ended the text. */
  get readAndPending(): readonly [read: readonly number[], pending: readonly number[]] {
    const last = this.#tokens.at(-1);
    return [this.#tokens.slice(0, -1), last === undefined || this.endOfText.has(last) ? [] : [last]];
  }

  /** The model begins again and gives the same tokens. */
  restart(): void {
    this.#given = 0;
  }

  /**
   * Takes a token of the model.
   *
   * @param isLast whether the answer is complete with it
   * @returns undefined for one that the reader has already
   * @throws TokenizerError
   */
  take(token: number, isLast = false): AnsweredToken | undefined {
    this.#given += 1;
    if (this.#given <= this.#tokens.length) return undefined;
    this.#tokens.push(token);
    const atEnd = this.endOfText.has(token);
    const atLimit = this.#tokens.length === this.request.maxNewTokens;
    const text = tokenizing(() => (atEnd ? "" : this.#text.push(token)) + (atEnd || isLast || atLimit ? this.#text.flush() : ""));
    const reason = this.#text.stopped || (isLast && !atEnd) ? "stop" : atEnd ? "end-of-text" : atLimit ? "length" : undefined;
    return { event: { type: "token", id: token, text }, reason };
  }
}
