const plain = /^[ !#-&(-[\]-~]*$/;
/** What may have to be escaped. */
const unusual = /[^ !#-&(-[\]-~]/gu;
const printable = /^[^\p{C}\p{Z}]$/u;
const shortEscapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Python's `repr` of a str: single quotes unless only double ones spare an escape. */
export function stringRepresentation(text: string): string {
  if (plain.test(text)) return `'${text}'`;
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(unusual, (character) => (character === quote ? `\\${quote}` : escapeCharacter(character)));
  return quote + escaped + quote;
}

function escapeCharacter(character: string): string {
  if (character === "'" || character === '"') return character;
  const short = shortEscapes[character];
  if (short !== undefined) return short;
  return isPrintable(character) ? character : codeEscape(character.codePointAt(0)!);
}

/** Python's `str.isprintable` of one character. */
export function isPrintable(character: string): boolean {
  return character === " " || printable.test(character);
}

/** `\x7f`, `\u200b` or `\U000e0001`. */
export function codeEscape(code: number): string {
  const digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}

/** Python's `ascii`: a representation in which all that is not ASCII is escaped. */
export function asciiOnly(representation: string): string {
  let text = "";
  for (const character of representation) text += character.codePointAt(0)! < 0x80 ? character : codeEscape(character.codePointAt(0)!);
  return text;
}
