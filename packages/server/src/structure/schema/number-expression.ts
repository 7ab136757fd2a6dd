import { either, literal } from "./grammar-text.js";
import { boundOf, integerGrammar, type IntegerBounds, upwards } from "./integer-range.js";
import { refusedSchema } from "./refused-schema.js";
import type { SchemaNode } from "./schema-node.js";

/** Digits behind the point of a bound at most. */
const mostDecimals = 12;

/** A number under a schema. @throws InvalidRequestError for bounds that leave none */
export function numberExpression(schema: SchemaNode, at: string): string {
  if (boundOf(schema) === undefined) return "number";
  const { least, most } = boundsOf(schema, at);
  // Between two bounds that are excluded there may be room for numbers with one digit more alone.
  const decimals = Math.max(1, least?.decimals ?? 0, most?.decimals ?? 0) + (least?.isExcluded === true || most?.isExcluded === true ? 1 : 0);
  const expressions = wholeNumbers(schema as IntegerBounds, at);
  for (let digits = 1; digits <= decimals; digits++) {
    const low = least === undefined ? undefined : scaled(least, digits, least.isExcluded);
    // From the other side, what is above is below.
    const high = most === undefined ? undefined : -scaled({ ...most, value: -most.value }, digits, most.isExcluded);
    const isLast = digits === decimals;
    if (low === undefined || low <= 0n) expressions.push(...fractions(high !== undefined && high < 0n ? -high : 0n, low === undefined ? undefined : -low, digits, isLast, least?.isExcluded === true).map((text) => `"-" ${text}`));
    if (high === undefined || high >= 0n) expressions.push(...fractions(low !== undefined && low > 0n ? low : 0n, high, digits, isLast, most?.isExcluded === true));
  }
  if (expressions.length === 0) throw refusedSchema(`${at}/${boundOf(schema)}`, "no number is within those bounds");
  return either(expressions.map((expression) => `(${expression})`));
}

interface Bound {
  readonly value: bigint;
  readonly decimals: number;
  readonly isExcluded: boolean;
}

function boundsOf(schema: SchemaNode, at: string): { readonly least: Bound | undefined; readonly most: Bound | undefined } {
  const bound = (keyword: string, isExcluded: boolean): Bound | undefined => {
    const given = schema[keyword];
    if (given === undefined) return undefined;
    const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(typeof given === "number" ? String(given) : "") ?? [];
    if (whole === "" || fraction.length > mostDecimals || whole.length > 15) throw refusedSchema(`${at}/${keyword}`, `${JSON.stringify(given)} is no bound that can be enforced`);
    return { value: BigInt(sign + whole + fraction), decimals: fraction.length, isExcluded };
  };
  const tighter = (one: Bound | undefined, other: Bound | undefined, sign: bigint): Bound | undefined => {
    if (one === undefined || other === undefined) return one ?? other;
    const difference = sign * (one.value * 10n ** BigInt(other.decimals) - other.value * 10n ** BigInt(one.decimals));
    return difference > 0n || (difference === 0n && one.isExcluded) ? one : other;
  };
  return {
    least: tighter(bound("minimum", false), bound("exclusiveMinimum", true), 1n),
    most: tighter(bound("maximum", false), bound("exclusiveMaximum", true), -1n),
  };
}

/** Those without a point; none where none is within the bounds. */
function wholeNumbers(bounds: IntegerBounds, at: string): string[] {
  try {
    return [integerGrammar(bounds, at)];
  } catch {
    return [];
  }
}

/** The lowest number with so many digits behind the point, without the point, that is not below a bound. */
function scaled({ value, decimals }: Bound, digits: number, isExcluded: boolean): bigint {
  if (digits >= decimals) {
    const exact = value * 10n ** BigInt(digits - decimals);
    return isExcluded ? exact + 1n : exact;
  }
  const size = 10n ** BigInt(decimals - digits);
  const below = value / size - (value % size < 0n ? 1n : 0n);
  return below * size === value && !isExcluded ? below : below + 1n;
}

/**
 * Numbers of 0 and above with a point and so many digits behind it, by what they are without the point.
 * @param last undefined: there is none
 * @param goesOn whether more digits may follow
 * @param leavesRoom whether they may follow the last one too: the bound is behind it
 */
function fractions(first: bigint, last: bigint | undefined, digits: number, goesOn: boolean, leavesRoom: boolean): string[] {
  const more = goesOn ? " [0-9]{0,3}" : "";
  if (last !== undefined) {
    const isOpen = goesOn && !leavesRoom && last >= first;
    // More digits would go beyond the last one.
    return [...within(first, isOpen ? last - 1n : last, digits).map((text) => text + more), ...(isOpen ? [pointed(last, digits)] : [])];
  }
  const size = 10n ** BigInt(digits);
  const next = (first + size - 1n) / size;
  const whole = upwards(Number(next), Infinity).map((text) => `${text} "." [0-9]{${digits}}${more}`);
  return [...within(first, next * size - 1n, digits).map((text) => text + more), ...whole];
}

/** From one to another, each with its point. */
function within(first: bigint, last: bigint, decimals: number): string[] {
  if (first > last) return [];
  const size = 10n ** BigInt(decimals);
  const [firstWhole, lastWhole] = [first / size, last / size];
  const fraction = (whole: bigint, from: bigint, to: bigint) => fixedDigits(from, to, decimals).map((digits) => `${literal(`${whole}.`)} ${digits}`);
  if (firstWhole === lastWhole) return fraction(firstWhole, first % size, last % size);
  const between = lastWhole - firstWhole > 1n ? upwards(Number(firstWhole + 1n), Number(lastWhole - 1n)).map((whole) => `${whole} "." [0-9]{${decimals}}`) : [];
  return [...fraction(firstWhole, first % size, size - 1n), ...between, ...fraction(lastWhole, 0n, last % size)];
}

/** So many digits each, zeros in front included. */
function fixedDigits(first: bigint, last: bigint, width: number): string[] {
  const parts: string[] = [];
  for (let low = first; low <= last; ) {
    let [size, free] = [1n, 0];
    while (free < width - 1 && low % (size * 10n) === 0n && low + size * 10n - 1n <= last) [size, free] = [size * 10n, free + 1];
    const digit = (low / size) % 10n;
    const steps = [10n - digit, (last - low + 1n) / size].reduce((a, b) => (a < b ? a : b));
    const prefix = String(low).padStart(width, "0").slice(0, width - free - 1);
    parts.push([...(prefix === "" ? [] : [literal(prefix)]), `[${digit}-${digit + steps - 1n}]`, ...(free === 0 ? [] : [`[0-9]{${free}}`])].join(" "));
    low += steps * size;
  }
  return parts;
}

function pointed(value: bigint, decimals: number): string {
  const digits = String(value).padStart(decimals + 1, "0");
  return literal(`${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`);
}
