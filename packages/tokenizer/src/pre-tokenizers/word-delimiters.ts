import type { FoundSpan } from "../pattern/pattern.js";
import type { Delimiters } from "./pre-tokenizer.js";

/** Words, and runs of what is neither word nor space. */
export class WordDelimiters implements Delimiters {
  readonly #word: RegExp;
  readonly #notWord: RegExp;
  readonly #notOther: RegExp;
  readonly #notSpace: RegExp;

  /** Both as classes for the flag `v`. */
  constructor(word: string, space: string) {
    this.#word = new RegExp(word, "vy");
    this.#notWord = new RegExp(`[^${word}]`, "gv");
    this.#notOther = new RegExp(`[${word}${space}]`, "gv");
    this.#notSpace = new RegExp(`[^${space}]`, "gv");
  }

  spans(text: string, found: FoundSpan): void {
    let position = 0;
    while (position < text.length) {
      const start = placeOf(this.#notSpace, text, position);
      if (position < start) found(position, start, false);
      if (start === text.length) return;
      this.#word.lastIndex = start;
      // Where a run ends is where the first character of another kind stands: a repetition would keep every place in memory.
      position = placeOf(this.#word.test(text) ? this.#notWord : this.#notOther, text, start);
      found(start, position, true);
    }
  }
}

/** Where an expression is found; the end of the text when it is not. */
function placeOf(expression: RegExp, text: string, from: number): number {
  expression.lastIndex = from;
  return expression.exec(text)?.index ?? text.length;
}
