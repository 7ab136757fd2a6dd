/**
 * Text rules of Python that the published metrics rely on and JavaScript has otherwise: what is white space, a digit, a
 * word character, and how halves are rounded.
 */
const whiteSpace = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const whiteSpaceRun = new RegExp(`[${whiteSpace}]+`, "u");

/** `string.punctuation`. */
export const asciiPunctuation = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;

/** Words between runs of white space, none of them empty: `text.split()`. */
export function splitWords(text: string): string[] {
  return text.split(whiteSpaceRun).filter((word) => word !== "");
}

/** Runs of decimal digits: `re.findall(r"\d+", text)`. */
export function digitRuns(text: string): string[] {
  return text.match(/\p{Nd}+/gu) ?? [];
}

/** To the nearest integer, halves to the even one: `round(value)`. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
