import { TokenizerError } from "@elastic-attention/core";

/**
 * How many characters of one kind may stand in a row where a pattern is sought. The engine keeps a place for every character
 * that a repetition takes, up to 64 MB, and then gives up.
 */
export const longestRun = 4 * 2 ** 20;

const [letter, digit, space, sign, beyond] = [0, 1, 2, 3, 4] as const;
const kinds = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[a-z]/i.test(character)) return letter;
  if (/\d/.test(character)) return digit;
  return /\s/.test(character) ? space : sign;
});

/** General punctuation, and that of Chinese and Japanese: with them no text of a language is one run. */
function isPunctuation(code: number): boolean {
  return (code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code <= 0x303f) || (code >= 0xff00 && code <= 0xff0f);
}

function kindOf(code: number): number {
  if (code < 0x80) return kinds[code]!;
  return isPunctuation(code) ? sign : beyond;
}

/** @throws TokenizerError for a text with a run of letters, digits, spaces or signs that is longer than {@link longestRun} */
export function refuseLongRuns(text: string): void {
  if (text.length <= longestRun) return;
  // A run of that length has a character at every such place; only around one of the same kind is it looked for.
  for (let place = longestRun; place < text.length; place += longestRun) {
    const kind = kindOf(text.charCodeAt(place));
    let start = place;
    while (start > 0 && place - start <= longestRun && kindOf(text.charCodeAt(start - 1)) === kind) start--;
    let end = place;
    while (end < text.length && end - start <= longestRun && kindOf(text.charCodeAt(end)) === kind) end++;
    if (end - start <= longestRun) continue;
    throw new TokenizerError(`The text has more than ${longestRun} letters, digits, spaces or signs in a row, in which patterns cannot be sought.`, {
      hint: "Shorten the text, or put white space between its parts.",
    });
  }
}
