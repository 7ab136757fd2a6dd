/** What the text decoder puts where bytes are no character, or not yet one. */
const replacement = "\uFFFD";

/** Tokens of the text before that are kept: enough for any character that ends in them. */
const contextTokens = 6;

/**
 * Turns tokens into text one by one. Decoding single tokens would break characters that span tokens and lose the spaces
 * that depend on what stands before; decoding everything again each time would be quadratic. So a short window is
 * decoded: the tokens of the last text that came out, then what has been added since.
 *
 * Only the last replacement character of a window can still become something else (a decoder puts exactly one for an
 * unfinished character), so that one is held back and invalid bytes before it come out.
 */
export class Detokenizer {
  #window: number[] = [];
  #emitted: string;
  /** Whether the window holds more than the tokens before. */
  #begun = false;

  /**
   * @param decode text of several tokens.
   * @param hasText whether a token takes part in the text; others (end of turn) must not: at the window's start they
   *   would make the next word the first one.
   * @param before tokens that the text goes on from.
   */
  constructor(
    private readonly decode: (ids: readonly number[]) => string,
    private readonly hasText: (id: number) => boolean,
    before: ArrayLike<number> = [],
  ) {
    this.#window = Array.from(before).filter(hasText).slice(-contextTokens);
    this.#emitted = settled(this.#decodeWindow());
  }

  /** The text that is certain with this token; often empty inside a character of several tokens. */
  push(id: number): string {
    if (!this.hasText(id)) return "";
    this.#begun = true;
    const known = this.#window.length;
    this.#window.push(id);
    const whole = this.#decodeWindow();
    const certain = settled(whole);
    const text = certain.slice(this.#emitted.length);
    this.#emitted = certain;
    if (text !== "" && certain.length === whole.length) {
      this.#window = this.#window.slice(known);
      this.#emitted = this.#decodeWindow();
    }
    return text;
  }

  /** What is left of an unfinished character at the end: a replacement character, or nothing. */
  flush(): string {
    if (!this.#begun) return "";
    const text = this.#decodeWindow().slice(this.#emitted.length);
    this.#emitted += text;
    return text;
  }

  #decodeWindow(): string {
    return this.#window.length === 0 ? "" : this.decode(this.#window);
  }
}

function settled(text: string): string {
  return text.endsWith(replacement) ? text.slice(0, -1) : text;
}
