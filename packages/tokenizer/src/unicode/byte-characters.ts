/** The printable character of each byte: itself where it is printable Latin-1, otherwise one from U+0100 up, in order. */
export const byteCharacters: readonly string[] = makeCharacters();

const byteOfCode = new Int16Array(0x144).fill(-1);
byteCharacters.forEach((character, byte) => (byteOfCode[character.charCodeAt(0)] = byte));

const plain = /^[!-~]*$/u;
const encoder = new TextEncoder();

/** A text's UTF-8 bytes, a printable character for each. */
export function bytesToCharacters(text: string): string {
  if (plain.test(text)) return text;
  let result = "";
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) result += byteCharacters[code]!;
    else if (code < 0x800) result += byteCharacters[0xc0 | (code >> 6)]! + byteCharacters[0x80 | (code & 63)]!;
    else if (code < 0xd800 || code > 0xdbff) {
      result += byteCharacters[0xe0 | (code >> 12)]! + byteCharacters[0x80 | ((code >> 6) & 63)]! + byteCharacters[0x80 | (code & 63)]!;
    } else {
      const full = text.codePointAt(index++)!;
      result += byteCharacters[0xf0 | (full >> 18)]! + byteCharacters[0x80 | ((full >> 12) & 63)]!;
      result += byteCharacters[0x80 | ((full >> 6) & 63)]! + byteCharacters[0x80 | (full & 63)]!;
    }
  }
  return result;
}

/** The bytes that a token of a byte-level vocabulary stands for; its own UTF-8 bytes when it has other characters. */
export function charactersToBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let index = 0; index < token.length; index++) {
    const code = token.charCodeAt(index);
    const byte = code < byteOfCode.length ? byteOfCode[code]! : -1;
    if (byte < 0) return encoder.encode(token);
    bytes[index] = byte;
  }
  return bytes;
}

function makeCharacters(): string[] {
  let next = 0x100;
  const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}
