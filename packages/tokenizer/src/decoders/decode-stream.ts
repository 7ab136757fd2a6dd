import type { Decoder, TokenSink } from "./decoder.js";

/** Turns tokens into text one by one. Every piece is whole characters. */
export class DecodeStream {
  readonly #sink: TokenSink;
  readonly #tokenOf: (id: number) => string | undefined;
  #text = "";

  /** @param tokenOf undefined for ids that give no text. */
  constructor(decoder: Decoder, tokenOf: (id: number) => string | undefined) {
    const append = (text: string): void => void (this.#text += text);
    this.#sink = decoder.open({ token: append, more: append, end: () => undefined });
    this.#tokenOf = tokenOf;
  }

  /** The text that is certain with this token; "" while a character or what depends on the next token is unfinished. */
  push(id: number): string {
    const token = this.#tokenOf(id);
    if (token === undefined) return "";
    this.#sink.token(token);
    return this.#taken();
  }

  /** What is left when no token follows. The stream is done after it. */
  end(): string {
    this.#sink.end();
    return this.#taken();
  }

  #taken(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
