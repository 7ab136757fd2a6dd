import type { PieceSink, PreTokenizer } from "./pre-tokenizer.js";

/** Cuts a text into pieces of so many characters. */
export class FixedLengthPreTokenizer implements PreTokenizer {
  readonly keepsText = true;
  readonly givesBytes = false;

  constructor(private readonly length: number) {}

  split(text: string, atStart: boolean, emit: PieceSink): void {
    let start = 0;
    let characters = 0;
    for (let index = 0; index < text.length; ) {
      index += text.codePointAt(index)! > 0xffff ? 2 : 1;
      if (++characters === this.length || index >= text.length) {
        emit(text.slice(start, index), atStart && start === 0);
        [start, characters] = [index, 0];
      }
    }
  }
}
