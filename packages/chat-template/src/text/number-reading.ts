import { trimEnd, trimStart } from "./whitespace.js";

const decimalDigit = /\p{Nd}/gu;
const isDecimal = /^\p{Nd}$/u;
/** Python refuses to read longer integers. */
const integerDigits = 4300;

/** Digits of all scripts as ASCII. Decimal digits lie in runs of ten that begin with zero. */
function asciiDigits(text: string): string {
  return text.replace(decimalDigit, (digit) => {
    const code = digit.codePointAt(0)!;
    if (code < 0x80) return digit;
    let first = code;
    while (isDecimal.test(String.fromCodePoint(first - 1))) first--;
    return String((code - first) % 10);
  });
}

/** Python's `int(text, base)`; undefined where it raises ValueError. */
export function parseInteger(text: string, base: number): bigint | undefined {
  const trimmed = asciiDigits(trimEnd(trimStart(text))).toLowerCase();
  const match = /^([+-]?)(0[box])?(_?)([0-9a-z]+(?:_[0-9a-z]+)*)$/.exec(trimmed);
  if (match === null) return undefined;
  const [, sign, prefix, underscore, body] = match;
  const prefixBase = prefix === "0b" ? 2 : prefix === "0o" ? 8 : prefix === "0x" ? 16 : undefined;
  // Where the base is another one, the letters of the prefix are digits.
  const usesPrefix = prefixBase !== undefined && (base === 0 || base === prefixBase);
  if (underscore !== "" && !usesPrefix) return undefined;
  const digits = (usesPrefix ? body! : (prefix ?? "") + body!).replaceAll("_", "");
  const radix = usesPrefix ? prefixBase : base === 0 ? 10 : base;
  if (base === 0 && !usesPrefix && /^0+[1-9]/.test(digits)) return undefined;
  if (!(radix >= 2 && radix <= 36) || digits.length > integerDigits) return undefined;
  const value = readDigits(digits, radix);
  return value === undefined ? undefined : sign === "-" ? -value : value;
}

function readDigits(digits: string, radix: number): bigint | undefined {
  if (radix === 10) return /^\d+$/.test(digits) ? BigInt(digits) : undefined;
  let value = 0n;
  for (const character of digits) {
    const digit = Number.parseInt(character, 36);
    if (digit >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(digit);
  }
  return value;
}

/** Python's `float(text)`; undefined where it raises ValueError. */
export function parseFloatText(text: string): number | undefined {
  const trimmed = asciiDigits(trimEnd(trimStart(text))).toLowerCase();
  const special = /^([+-]?)(inf|infinity|nan)$/.exec(trimmed);
  if (special !== null) return special[2] === "nan" ? Number.NaN : special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const digits = String.raw`\d+(?:_\d+)*`;
  if (!new RegExp(`^[+-]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:e[+-]?${digits})?$`).test(trimmed)) return undefined;
  return Number(trimmed.replaceAll("_", ""));
}
