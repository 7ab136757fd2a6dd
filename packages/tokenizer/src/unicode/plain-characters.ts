const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/**
 * Characters that are a grapheme each and compose with nothing before them: ASCII, kana, the common Chinese signs,
 * Korean syllables.
 */
function isPlain(code: number): boolean {
  return code < 0x80 || (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3041 && code <= 0x3096) || (code >= 0xac00 && code <= 0xd7a3);
}

/** Whether nothing that looks at single characters, graphemes or normal forms sees across a place of a text. */
export function separates(text: string, place: number): boolean {
  const [before, behind] = [text.charCodeAt(place - 1), text.charCodeAt(place)];
  return isPlain(before) && isPlain(behind) && !(before === carriageReturn && behind === lineFeed);
}
