import type { Description } from "../description/description.js";
import { Pattern } from "../pattern/pattern.js";
import { replaceUnit } from "../unicode/replace-unit.js";
import { type PieceSink, type PreTokenizer, SplitPreTokenizer } from "./pre-tokenizer.js";

/** Where a replacement goes in front: of every piece, of the text's first one only, or nowhere. */
export type PrependScheme = "always" | "first" | "never";

export interface MetaspaceOptions {
  /** The character that stands for a space. */
  readonly replacement: string;
  readonly prependScheme: PrependScheme;
  readonly split: boolean;
}

/** Reads the options that the pre-tokenizer and the decoder share. */
export function readMetaspace(part: Description): MetaspaceOptions {
  const prependScheme = part.string("prepend_scheme", "always");
  if (prependScheme !== "always" && prependScheme !== "first" && prependScheme !== "never") throw part.wrong("prepend_scheme", "is none of always, first, never");
  if (part.value("add_prefix_space") === false && prependScheme !== "never") throw part.wrong("add_prefix_space", "contradicts prepend_scheme");
  return { replacement: part.character("replacement"), prependScheme, split: part.boolean("split", true) };
}

/** Spaces as a visible character, with which every word begins. */
export class MetaspacePreTokenizer implements PreTokenizer {
  readonly keepsText = true;
  readonly givesBytes = false;
  readonly #words: PreTokenizer | undefined;

  constructor(private readonly options: MetaspaceOptions) {
    this.#words = options.split ? new SplitPreTokenizer(Pattern.literal(options.replacement), "MergedWithNext") : undefined;
  }

  split(text: string, atStart: boolean, emit: PieceSink): void {
    const { replacement, prependScheme } = this.options;
    let whole = replacement.length === 1 ? replaceUnit(text, " ", replacement) : text.replaceAll(" ", replacement);
    if ((prependScheme === "always" || (prependScheme === "first" && atStart)) && !whole.startsWith(replacement)) whole = replacement + whole;
    if (this.#words === undefined) emit(whole, atStart);
    else this.#words.split(whole, atStart, emit);
  }
}
