import { refusedSchema } from "./refused-schema.js";

/** Digits of an integer without an upper bound at most: with more it would be rounded. */
const mostDigits = 15;

/** The bounds of an integer, as a schema has them. */
export interface IntegerBounds {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** The first keyword of a schema that bounds a number. */
export function boundOf(schema: object): keyof IntegerBounds | undefined {
  return (["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const).find((keyword) => Object.hasOwn(schema, keyword));
}

/**
 * The integers within bounds as a grammar: what one digit may be, with all digits behind it. (The grammar library's own takes 121 for
 * 0 to 120, and refuses -5 for -5 and above.)
 *
 * @param at where the bounds stand
 * @throws InvalidRequestError for bounds that are no numbers, beyond 2^53, or leave no integer
 */
export function integerGrammar({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: IntegerBounds, at: string): string {
  const first = Math.max(bound(minimum, at, Math.ceil, -Infinity), bound(exclusiveMinimum, at, (value) => Math.floor(value) + 1, -Infinity));
  const last = Math.min(bound(maximum, at, Math.floor, Infinity), bound(exclusiveMaximum, at, (value) => Math.ceil(value) - 1, Infinity));
  if (first > last) throw refusedSchema(at, "no integer is within those bounds");
  const below = first < 0 ? upwards(Math.max(1, -last), -first).map((digits) => `"-" ${digits}`) : [];
  const above = last >= 0 ? upwards(Math.max(0, first), last) : [];
  return `(${[...below, ...above].map((digits) => `(${digits})`).join(" | ")})`;
}

function bound(value: number | undefined, at: string, whole: (value: number) => number, none: number): number {
  if (value === undefined) return none;
  if (typeof value === "number" && Number.isSafeInteger(whole(value))) return whole(value);
  throw refusedSchema(at, `${JSON.stringify(value)} is no bound of an integer that can be enforced`);
}

/** Digits of the integers from one to another, both 0 or more: each a prefix, one digit of a range, and any digits. */
export function upwards(first: number, last: number): string[] {
  const parts: string[] = [];
  for (let low = first; low <= last; ) {
    const digits = String(low);
    // Everything with as many digits, and everything with more.
    if (last === Infinity && /^10*$/.test(digits)) return [...parts, `[1-9] ${anyDigits(digits.length - 1)} [0-9]{0,${Math.max(0, mostDigits - digits.length)}}`];
    let size = 1;
    if (low > 0) {
      while (low % (size * 10) === 0 && low + size * 10 - 1 <= last) size *= 10;
    }
    const digit = Math.floor(low / size) % 10;
    const steps = Math.min(10 - digit, Math.floor((last - low + 1) / size));
    const free = String(size).length - 1;
    const prefix = digits.slice(0, digits.length - free - 1);
    parts.push(`${prefix === "" ? "" : `"${prefix}" `}[${digit}-${digit + steps - 1}] ${anyDigits(free)}`.trim());
    low += steps * size;
  }
  return parts;
}

function anyDigits(count: number): string {
  return Array.from({ length: count }, () => "[0-9]").join(" ");
}
