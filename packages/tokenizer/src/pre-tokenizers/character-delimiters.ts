import type { FoundSpan } from "../pattern/pattern.js";
import type { Delimiters } from "./pre-tokenizer.js";

/** Single characters that a text is cut at. */
export class CharacterDelimiters implements Delimiters {
  readonly #expression: RegExp;

  /** @param characters a class, as a source for the flag `v`. */
  constructor(characters: string) {
    this.#expression = new RegExp(characters, "gv");
  }

  spans(text: string, found: FoundSpan): void {
    const expression = this.#expression;
    let before = 0;
    expression.lastIndex = 0;
    while (expression.test(text)) {
      // A delimiter is one character; what it begins at is found from its end.
      const end = expression.lastIndex;
      const start = end - (end > 1 && isLowSurrogate(text.charCodeAt(end - 1)) ? 2 : 1);
      if (before < start) found(before, start, false);
      found(start, end, true);
      before = end;
      expression.lastIndex = end;
    }
    if (before < text.length) found(before, text.length, false);
  }
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
