import type { Detokenizer } from "./detokenizer.js";
import { StopFilter } from "./stop-filter.js";

/** The text of an answer as its tokens come: whole characters only, and nothing of a stop text. */
export class TextStream {
  readonly #filter: StopFilter;
  #whole = "";
  #raw = "";

  constructor(
    private readonly detokenizer: Detokenizer,
    stop: readonly string[],
  ) {
    this.#filter = new StopFilter(stop);
  }

  /** All text that came out so far. */
  get whole(): string {
    return this.#whole;
  }

  /** What the tokens stand for, stop texts included. */
  get raw(): string {
    return this.#raw;
  }

  /** Whether a stop text was met. */
  get stopped(): boolean {
    return this.#filter.stopped;
  }

  /** The stop text that was met. */
  get stopText(): string | undefined {
    return this.#filter.met;
  }

  /** Text that is safe to show after this token. */
  push(token: number): string {
    return this.#emit(this.#filter.push(this.#decoded(this.detokenizer.push(token))));
  }

  /** What was held back, when no more tokens come. */
  flush(): string {
    return this.#emit(this.#filter.push(this.#decoded(this.detokenizer.flush())) + this.#filter.flush());
  }

  #decoded(text: string): string {
    this.#raw += text;
    return text;
  }

  #emit(text: string): string {
    this.#whole += text;
    return text;
  }
}
