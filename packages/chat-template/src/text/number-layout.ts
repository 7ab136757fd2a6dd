import { exponentText, fixedDigits, positional, significantDigits, withExponent } from "./float-text.js";

/**
 * The digits of a float without its sign, as `%e`, `%f` and `%g` write them.
 *
 * @param alternate keeps the point, and the zeros of `g`
 * @param pointZero a rounded number without a type: at least one digit behind the point
 */
export function floatDigits(value: number, type: string, precision: number, alternate: boolean, pointZero = false): string {
  const size = Math.abs(value);
  const kind = type.toLowerCase();
  let text: string;
  if (!Number.isFinite(size)) text = Number.isNaN(size) ? "nan" : "inf";
  else if (kind === "f") text = fixedDigits(size, precision) + (alternate && precision === 0 ? "." : "");
  else if (kind === "e") text = exponential(size, precision, alternate);
  else text = general(size, Math.max(precision, 1), alternate, pointZero);
  return kind === type ? text : text.toUpperCase();
}

function exponential(size: number, precision: number, alternate: boolean): string {
  const { digits, exponent } = significantDigits(size, precision + 1);
  if (precision === 0 && alternate) return `${digits}.e${exponentText(exponent)}`;
  return withExponent(digits, exponent);
}

function general(size: number, precision: number, alternate: boolean, pointZero: boolean): string {
  const { digits, exponent } = significantDigits(size, precision);
  const kept = alternate ? digits : digits.replace(/0+$/, "") || "0";
  if (exponent < -4 || exponent >= precision - (pointZero ? 1 : 0)) {
    return alternate && kept.length === 1 ? `${kept}.e${exponentText(exponent)}` : withExponent(kept, exponent);
  }
  const text = positional(kept, exponent, pointZero);
  return alternate && !text.includes(".") ? `${text}.` : text;
}

/** The sign that is written in front: of a negative number always, else as `style` ("+", " " or "-") has it. */
export function signText(negative: boolean, style: string): string {
  return negative ? "-" : style === "+" || style === " " ? style : "";
}

/** A separator between every `size` digits of the whole part. */
export function groupDigits(whole: string, separator: string, size: number): string {
  let text = "";
  for (let end = whole.length; end > 0; end -= size) {
    const part = whole.slice(Math.max(0, end - size), end);
    text = text === "" ? part : part + separator + text;
  }
  return text;
}
