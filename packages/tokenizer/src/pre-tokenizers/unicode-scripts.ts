import { anyScript, scriptOf } from "../unicode/scripts.js";
import type { PieceSink, PreTokenizer } from "./pre-tokenizer.js";

/** Cuts a text where its script changes. What belongs to no script goes with the script before it; at the beginning it is lost. */
export class UnicodeScriptsPreTokenizer implements PreTokenizer {
  readonly keepsText = false;
  readonly givesBytes = false;

  split(text: string, atStart: boolean, emit: PieceSink): void {
    let start = -1;
    let last: number | undefined;
    for (let index = 0; index < text.length; ) {
      const code = text.codePointAt(index)!;
      const script = scriptOf(code);
      if (script !== anyScript) {
        if (script !== last) {
          if (start >= 0) emit(text.slice(start, index), atStart && start === 0);
          start = index;
        }
        last = script;
      }
      index += code > 0xffff ? 2 : 1;
    }
    if (start >= 0) emit(text.slice(start), atStart && start === 0);
  }
}
