import { TokenizerError } from "@elastic-attention/core";

/** The error for a pattern that cannot be followed exactly. */
export function unsupportedPattern(pattern: string, what: string): TokenizerError {
  return new TokenizerError(`The pattern ${JSON.stringify(shortened(pattern))} cannot be followed exactly: ${what}.`, {
    hint: "Take a tokenizer whose patterns use classes, groups, quantifiers, look-around and (?i:...) only.",
  });
}

export function shortened(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}
