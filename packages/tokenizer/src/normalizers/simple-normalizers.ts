import type { Pattern } from "../pattern/pattern.js";
import { whiteSpace } from "../pattern/class-source.js";
import { bytesToCharacters } from "../unicode/byte-characters.js";
import { lowerCase } from "../unicode/lower-case.js";
import { UnitReplacer } from "../unicode/replace-unit.js";
import { CharacterFilter, type Normalizer, type Origin } from "./normalizer.js";

export class LowercaseNormalizer implements Normalizer {
  normalize(text: string): string {
    return lowerCase(text);
  }
}

/** White space at the ends goes. */
export class StripNormalizer implements Normalizer {
  readonly #left: RegExp | undefined;
  readonly #right: boolean;

  constructor(left: boolean, right: boolean) {
    this.#left = left ? new RegExp(`^[${whiteSpace}]+`, "v") : undefined;
    this.#right = right;
  }

  normalize(text: string, origin: Origin): string {
    let result = text;
    if (this.#left !== undefined) result = result.replace(this.#left, "");
    if (result.length !== text.length) origin.atStart = false;
    return this.#right ? result.slice(0, endWithoutSpaces(result)) : result;
  }
}

const space = new RegExp(`^[${whiteSpace}]$`, "v");

function endWithoutSpaces(text: string): number {
  let end = text.length;
  while (end > 0 && space.test(text.charAt(end - 1))) end--;
  return end;
}

/** A text in front of every text that is not empty. */
export class PrependNormalizer implements Normalizer {
  constructor(private readonly prefix: string) {}

  normalize(text: string): string {
    return text === "" ? "" : this.prefix + text;
  }
}

export class ReplaceNormalizer implements Normalizer {
  constructor(
    private readonly pattern: Pattern,
    private readonly content: string,
  ) {}

  normalize(text: string, origin: Origin): string {
    if (text === "") return "";
    const { content } = this;
    return this.pattern.replace(text, content, (end) => {
      if (content === "" || end > String.fromCodePoint(text.codePointAt(0)!).length) origin.atStart = false;
    });
  }
}

/** The bytes of a text as the printable characters of byte-level vocabularies. */
export class ByteLevelNormalizer implements Normalizer {
  normalize(text: string): string {
    return bytesToCharacters(text);
  }
}

const nmtControls = "\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f";
const nmtRemoved = new RegExp(`[${nmtControls}]`, "gu");
const nmtSpaces = "\t\n\f\r\u1680\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd";

/** The rules for white space and control characters of sentencepiece's nmt_nfkc. */
export class NmtNormalizer implements Normalizer {
  readonly #removed = new CharacterFilter(nmtRemoved);
  readonly #spaces = new UnitReplacer(nmtSpaces, " ");

  normalize(text: string, origin: Origin): string {
    return this.#spaces.replace(this.#removed.normalize(text, origin));
  }
}
