import type { FoundSpan } from "../pattern/pattern.js";
import type { Delimiters } from "./pre-tokenizer.js";

/** Words, and runs of what is neither word nor space. */
export class WordDelimiters implements Delimiters {
  readonly #expression: RegExp;

  /** Both as classes for the flag `v`. */
  constructor(word: string, space: string) {
    this.#expression = new RegExp(`${word}+|[^${word}${space}]+`, "gv");
  }

  spans(text: string, found: FoundSpan): void {
    let before = 0;
    for (const { index, 0: match } of text.matchAll(this.#expression)) {
      if (before < index) found(before, index, false);
      before = index + match.length;
      found(index, before, true);
    }
    if (before < text.length) found(before, text.length, false);
  }
}
