const surrogates = /[\ud800-\udfff]/;

/** Whether code units and code points of a text differ. */
export function hasSurrogates(text: string): boolean {
  return surrogates.test(text);
}

/** Python's `len`. */
export function codePointLength(text: string): number {
  if (!hasSurrogates(text)) return text.length;
  let pairs = 0;
  for (let index = 1; index < text.length; index++) {
    if (!isPair(text, index - 1)) continue;
    pairs++;
    index++;
  }
  return text.length - pairs;
}

/** The characters of a text; a lone surrogate is one of its own. */
export function codePoints(text: string): string[] {
  return hasSurrogates(text) ? Array.from(text) : text.split("");
}

/** Index in code units of the code point number `position`, which may be the length. */
export function codeUnitIndex(text: string, position: number): number {
  if (!hasSurrogates(text)) return Math.min(position, text.length);
  let unit = 0;
  for (let point = 0; point < position && unit < text.length; point++) unit += isPair(text, unit) ? 2 : 1;
  return unit;
}

/** Number of the code point that begins at index `unit`. */
export function codePointIndex(text: string, unit: number): number {
  return unit <= 0 ? unit : codePointLength(text.slice(0, unit));
}

function isPair(text: string, index: number): boolean {
  const high = text.charCodeAt(index);
  if (high < 0xd800 || high > 0xdbff) return false;
  const low = text.charCodeAt(index + 1);
  return low >= 0xdc00 && low <= 0xdfff;
}
