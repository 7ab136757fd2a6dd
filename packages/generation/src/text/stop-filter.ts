/** Holds text back while it could be the beginning of a stop text, so that no part of one is ever emitted. */
export class StopFilter {
  #held = "";
  #met: string | undefined;

  /** Each as it was given, and as it is looked for. */
  private readonly stops: readonly { readonly given: string; readonly text: string }[];

  /** @param stops half characters (lone surrogates) in them count as U+FFFD, as they do in prompts. */
  constructor(stops: readonly string[]) {
    this.stops = stops.map((given) => ({ given, text: given.toWellFormed() }));
  }

  /** Whether a stop text was met; nothing is emitted any more. */
  get stopped(): boolean {
    return this.#met !== undefined;
  }

  /** The stop text that was met, as it was given; of several that begin at one place the first of the list. */
  get met(): string | undefined {
    return this.#met;
  }

  /** Takes new text and returns what is safe to emit. */
  push(text: string): string {
    if (this.stopped) return "";
    this.#held += text;
    const places = this.stops.map((stop) => indexOrInfinity(this.#held, stop.text));
    const first = Math.min(...places);
    if (first !== Infinity) {
      this.#met = this.stops[places.indexOf(first)]!.given;
      return this.#take(first);
    }
    return this.#take(this.#held.length - Math.max(0, ...this.stops.map((stop) => overlap(this.#held, stop.text))));
  }

  /** What was held back, when generation ends without a stop text. */
  flush(): string {
    return this.stopped ? "" : this.#take(this.#held.length);
  }

  #take(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.stopped ? "" : this.#held.slice(length);
    return text;
  }
}

function indexOrInfinity(text: string, stop: string): number {
  const index = text.indexOf(stop);
  return index < 0 ? Infinity : index;
}

/** Length of the longest end of `text` that begins `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
