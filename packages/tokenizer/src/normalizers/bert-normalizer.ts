import { cleanedAway, nonspacingMarks } from "../unicode/bert-characters.js";
import { lowerCase } from "../unicode/lower-case.js";
import { UnitReplacer } from "../unicode/replace-unit.js";
import { CharacterFilter, type Normalizer, type Origin } from "./normalizer.js";
import { UnicodeFormNormalizer } from "./unicode-form.js";

export interface BertNormalizerOptions {
  /** Whether control characters go and white space becomes spaces. */
  readonly cleanText: boolean;
  /** Whether Chinese characters stand between spaces. */
  readonly handleChineseChars: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

const spaces = "\t\n\r\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";
/** What is more than spaces and printable ASCII, of which nothing is cleaned away and nothing decomposes. */
const unusual = /[^\t\n\r\x20-\x7e]/;
const chinese =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** The normalizer of BERT. */
export class BertNormalizer implements Normalizer {
  readonly #clean = new CharacterFilter(cleanedAway);
  readonly #spaces = new UnitReplacer(spaces, " ");
  readonly #accents = new CharacterFilter(nonspacingMarks);
  readonly #decompose = new UnicodeFormNormalizer("NFD");

  constructor(private readonly options: BertNormalizerOptions) {}

  normalize(text: string, origin: Origin): string {
    const { cleanText, handleChineseChars, stripAccents, lowercase } = this.options;
    if (!unusual.test(text)) {
      const spaced = cleanText ? this.#spaces.replace(text) : text;
      return lowercase ? spaced.toLowerCase() : spaced;
    }
    let result = text;
    if (cleanText) result = this.#spaces.replace(this.#clean.normalize(result, origin));
    if (handleChineseChars) result = result.replace(chinese, " $& ");
    if (stripAccents) result = this.#accents.normalize(this.#decompose.normalize(result), origin);
    return lowercase ? lowerCase(result) : result;
  }
}
