import { unknownToNormalization } from "../unicode/normalization-version.js";
import type { Normalizer } from "./normalizer.js";

export type UnicodeForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/**
 * Unicode's normal forms by the tables of the reference, which are older than those of JavaScript engines: characters
 * that it does not know stay as they are, and nothing is reordered or composed across them.
 */
export class UnicodeFormNormalizer implements Normalizer {
  constructor(private readonly form: UnicodeForm) {}

  normalize(text: string): string {
    if (!unknownToNormalization.test(text)) return text.normalize(this.form);
    const parts = text.split(unknownToNormalization);
    return parts.map((part, index) => (index % 2 === 1 ? part : part.normalize(this.form))).join("");
  }
}
