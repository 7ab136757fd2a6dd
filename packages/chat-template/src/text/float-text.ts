/** Python's `repr` of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16. */
export function floatRepresentation(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const { digits, exponent } = shortestDigits(Math.abs(value));
  if (exponent < -4 || exponent >= 16) return sign + withExponent(digits, exponent);
  return sign + positional(digits, exponent, true);
}

export interface Digits {
  /** Without a point; the first is not zero, unless the number is. */
  readonly digits: string;
  /** Power of ten of the first digit. */
  readonly exponent: number;
}

/** @param value not negative and finite */
export function shortestDigits(value: number): Digits {
  const [mantissa, exponent] = value.toExponential().split("e");
  return { digits: mantissa!.replace(".", ""), exponent: Number(exponent) };
}

export function positional(digits: string, exponent: number, pointZero: boolean): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const rest = digits.slice(exponent + 1);
  if (rest !== "") return `${whole}.${rest}`;
  return pointZero ? `${whole}.0` : whole;
}

export function withExponent(digits: string, exponent: number): string {
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${mantissa}e${exponentText(exponent)}`;
}

/** Sign and at least two digits. */
export function exponentText(exponent: number): string {
  return `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** A finite float as an exact fraction. */
function exactFraction(value: number): { numerator: bigint; denominator: bigint } {
  let scaled = value;
  let shift = 0;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    shift++;
  }
  return { numerator: BigInt(scaled), denominator: 1n << BigInt(shift) };
}

/** `value` times ten to the power `places`, rounded half to even on its exact binary value. @param value not negative */
function scaledInteger(value: number, places: number): bigint {
  let { numerator, denominator } = exactFraction(value);
  if (places >= 0) numerator *= 10n ** BigInt(places);
  else denominator *= 10n ** BigInt(-places);
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** `places` digits after the point, which may be negative to round to tens. @param value not negative and finite */
export function fixedDigits(value: number, places: number): string {
  const integer = scaledInteger(value, places).toString();
  if (places <= 0) return integer === "0" ? "0" : integer + "0".repeat(-places);
  const padded = integer.padStart(places + 1, "0");
  return `${padded.slice(0, -places)}.${padded.slice(-places)}`;
}

/** The first `count` significant digits. @param value not negative and finite */
export function significantDigits(value: number, count: number): Digits {
  if (value === 0) return { digits: "0".repeat(count), exponent: 0 };
  let exponent = shortestDigits(value).exponent;
  let digits = scaledInteger(value, count - 1 - exponent).toString();
  // Rounding can carry into one more digit.
  if (digits.length > count) {
    exponent++;
    digits = digits.slice(0, count);
  }
  return { digits, exponent };
}
