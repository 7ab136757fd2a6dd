import { codeEscape } from "../text/string-representation.js";
import { characterNames } from "./character-names.js";

const simple: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const hexLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** The value of a string literal: escapes as in Python, an unknown one stays as it is. @param fail makes an error of a message */
export function stringLiteral(body: string, fail: (message: string) => Error): string {
  if (!body.includes("\\")) return body;
  let value = "";
  let index = 0;
  while (index < body.length) {
    if (body[index] !== "\\") {
      value += body[index++];
      continue;
    }
    const escape = readEscape(body, index, fail);
    value += escape.value;
    index = escape.end;
  }
  return value;
}

function readEscape(body: string, start: number, fail: (message: string) => Error): { value: string; end: number } {
  const letter = String.fromCodePoint(body.codePointAt(start + 1)!);
  const end = start + 1 + letter.length;
  const known = simple[letter];
  if (known !== undefined) return { value: known, end };
  const octal = /^[0-7]{1,3}/.exec(body.slice(start + 1, start + 4));
  if (octal !== null) return { value: String.fromCodePoint(Number.parseInt(octal[0], 8)), end: start + 1 + octal[0].length };
  const length = hexLengths[letter];
  if (length !== undefined) return { value: readHex(body.slice(end, end + length), length, letter, fail), end: end + length };
  if (letter === "N") return readName(body, end, fail);
  // jinja2 reads literals through their ASCII form, where other characters are escapes themselves.
  return { value: `\\${letter.codePointAt(0)! < 0x80 ? letter : codeEscape(letter.codePointAt(0)!).slice(1)}`, end };
}

function readHex(digits: string, length: number, letter: string, fail: (message: string) => Error): string {
  const code = Number.parseInt(digits, 16);
  if (digits.length < length || !/^[\da-fA-F]+$/.test(digits)) throw fail(`truncated \\${letter} escape`);
  if (code > 0x10ffff) throw fail("illegal Unicode character");
  return String.fromCodePoint(code);
}

function readName(body: string, start: number, fail: (message: string) => Error): { value: string; end: number } {
  const match = /^\{([^}]+)\}/.exec(body.slice(start, start + 100));
  const name = match?.[1];
  if (name === undefined) throw fail("malformed \\N character escape");
  const character = characterNames.get(name.toUpperCase());
  if (character === undefined) throw fail(`The character name ${JSON.stringify(name)} is not known here: write \\u and its number`);
  return { value: character, end: start + match![0].length };
}
