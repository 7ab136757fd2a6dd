import type { TokenTextStream } from "../tokenizer/token-codec.js";

/** Tokens of the text before that are looked at: enough for any character, and for runs of bytes, that end in them. */
const contextTokens = 256;

/**
 * Turns the tokens of an answer into text one by one, going on from a text before. Pieces are whole characters, and their
 * sum is what decoding all tokens at once gives.
 */
export class Detokenizer {
  readonly #stream: TokenTextStream;
  /** Units of the text before that the stream still holds back: they are no part of the answer. */
  #foreign = 0;
  #begun = false;

  /**
   * @param open starts a stream.
   * @param before tokens that the text goes on from.
   */
  constructor(open: () => TokenTextStream, before: ArrayLike<number> = []) {
    this.#stream = open();
    const context = Array.from(before).slice(-contextTokens);
    if (context.length === 0) return;
    const [out, twin] = [this.#stream, open()];
    for (const id of context) {
      out.push(id);
      twin.push(id);
    }
    // What the text before would end with if nothing followed; a character that is unfinished there is the answer's.
    this.#foreign = twin.end().replace(/\uFFFD+$/u, "").length;
  }

  /** The text that is certain with this token; often empty inside a character of several tokens. */
  push(id: number): string {
    this.#begun = true;
    return this.#own(this.#stream.push(id));
  }

  /** What is left when no token follows: the replacement of an unfinished character, or what waited for the next token. */
  flush(): string {
    return this.#begun ? this.#own(this.#stream.end()) : "";
  }

  #own(text: string): string {
    const foreign = Math.min(this.#foreign, text.length);
    this.#foreign -= foreign;
    return text.slice(foreign);
  }
}
