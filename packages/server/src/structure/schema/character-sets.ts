import { either, escaped, literal } from "./grammar-text.js";

/** Numbers of characters from one to another. */
export type CharacterRange = readonly [number, number];

const last = 0x10ffff;
/** Half characters, which no text has. */
const surrogates: CharacterRange = [0xd800, 0xdfff];

/** What is in none of some ranges, in order. */
export function allBut(ranges: readonly CharacterRange[]): CharacterRange[] {
  const rest: CharacterRange[] = [];
  let next = 0;
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (from > next) rest.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  if (next <= last) rest.push([next, last]);
  return rest;
}

export function inBoth(one: readonly CharacterRange[], other: readonly CharacterRange[]): CharacterRange[] {
  return allBut([...allBut(one), ...allBut(other)]);
}

/** What JSON writes with a backslash in front, or by its number alone. */
const special: readonly CharacterRange[] = [[0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]];
const escapes = [["\"", '"'], ["\\", "\\"], ["\b", "b"], ["\f", "f"], ["\n", "n"], ["\r", "r"], ["\t", "t"]] as const;
const ascii: CharacterRange = [0, 0x7f];
/** Between lines; a `.` means everything but them. */
const separators: readonly CharacterRange[] = [[0x2028, 0x2029]];
/** Characters beyond ASCII that are written one by one at most. */
const mostNamed = 512;

/**
 * A character of a set as it stands in a text of JSON. The grammar library knows sets of ASCII alone: of what is beyond it a set has
 * everything, nothing, or some characters.
 *
 * @returns undefined where no character is left, or where too many beyond ASCII would have to be told apart
 */
export function characterExpression(ranges: readonly CharacterRange[]): string | undefined {
  const plain = inBoth(ranges, allBut([...special, [0x80, last]]));
  const beyond = inBoth(ranges, allBut([ascii, surrogates]));
  const missing = inBoth(allBut([...ranges, surrogates, ascii]), allBut(separators));
  const letters = escapes.flatMap(([character, letter]) => (ranges.some(([from, to]) => from <= character.charCodeAt(0) && character.charCodeAt(0) <= to) ? [letter] : []));
  const expressions: string[] = [];
  if (missing.length === 0) expressions.push(`[^${inBoth(allBut(plain), [ascii]).map(rangeText).join("")}]`);
  else if (plain.length > 0) expressions.push(`[${plain.map(rangeText).join("")}]`);
  if (letters.length > 0) expressions.push(`"\\\\" [${letters.map((letter) => escaped(letter.charCodeAt(0))).join("")}]`);
  if (missing.length > 0 && count(beyond) <= mostNamed) expressions.push(...beyond.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, index) => literal(String.fromCodePoint(from + index)))));
  // All but some: it does without them.
  else if (missing.length > 0 && (count(missing) > mostNamed || expressions.length === 0)) return undefined;
  return expressions.length === 0 ? undefined : either(expressions);
}

function count(ranges: readonly CharacterRange[]): number {
  return ranges.reduce((total, [from, to]) => total + to - from + 1, 0);
}

function rangeText([from, to]: CharacterRange): string {
  return from === to ? escaped(from) : `${escaped(from)}-${escaped(to)}`;
}
