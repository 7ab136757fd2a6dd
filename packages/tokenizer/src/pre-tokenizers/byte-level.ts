import { Pattern } from "../pattern/pattern.js";
import { bytesToCharacters } from "../unicode/byte-characters.js";
import { type PieceSink, type PreTokenizer, SplitPreTokenizer } from "./pre-tokenizer.js";

/** GPT-2's words: contractions, letters, numbers and the rest with one space before them, and runs of spaces. */
const words = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** Text as bytes, a printable character for each, cut into words where asked. */
export class ByteLevelPreTokenizer implements PreTokenizer {
  readonly keepsText = true;
  readonly givesBytes = true;
  readonly #words: PreTokenizer | undefined;

  constructor(
    private readonly addPrefixSpace: boolean,
    useRegex: boolean,
  ) {
    this.#words = useRegex ? new SplitPreTokenizer(Pattern.expression(words), "Isolated") : undefined;
  }

  split(text: string, atStart: boolean, emit: PieceSink): void {
    const whole = this.addPrefixSpace && !text.startsWith(" ") ? ` ${text}` : text;
    if (this.#words === undefined) emit(bytesToCharacters(whole), atStart);
    else this.#words.split(whole, atStart, (word, first) => emit(bytesToCharacters(word), first));
  }
}
