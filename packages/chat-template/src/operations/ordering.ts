import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import type { Meter } from "../limits/meter.js";
import { Markup } from "../values/markup.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";
import { hasSurrogates } from "../text/code-points.js";
import { equals } from "./equality.js";
import { isNumber } from "./numbers.js";
import { typeName } from "./type-name.js";

export type OrderOperator = "<" | "<=" | ">" | ">=";

/** Python's `<` and its like. */
export function isOrdered(meter: Meter, operator: OrderOperator, left: Value, right: Value): boolean {
  if (isNumber(left) && isNumber(right)) {
    return ordered(operator, left instanceof PythonFloat ? left.value : left, right instanceof PythonFloat ? right.value : right);
  }
  const leftText = plainText(left);
  const rightText = plainText(right);
  if (leftText !== undefined && rightText !== undefined) {
    meter.scanText(Math.min(leftText.length, rightText.length));
    return ordered(operator, compareTexts(leftText, rightText), 0);
  }
  const items = sequences(left, right);
  if (items !== undefined) return orderedItems(meter, operator, ...items);
  for (const side of [left, right]) if (side instanceof Undefined) throw side.error();
  throw new TemplateRuntimeError("TypeError", `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`);
}

function ordered(operator: OrderOperator, left: number | bigint | boolean, right: number | bigint | boolean): boolean {
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    default:
      return left >= right;
  }
}

function plainText(value: Value): string | undefined {
  return typeof value === "string" ? value : value instanceof Markup ? value.value : undefined;
}

/** By code points: JavaScript's own order of code units puts emoji before the last characters of the basic plane. */
export function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  if (!hasSurrogates(left) || !hasSurrogates(right)) {
    if (!hasSurrogates(left) && !hasSurrogates(right)) return left < right ? -1 : 1;
  }
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above the basic plane. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function sequences(left: Value, right: Value): [readonly Value[], readonly Value[]] | undefined {
  if (Array.isArray(left) && Array.isArray(right)) return [left, right];
  if (left instanceof PythonTuple && right instanceof PythonTuple) return [left.items, right.items];
  return undefined;
}

/** The first elements that differ decide. */
function orderedItems(meter: Meter, operator: OrderOperator, left: readonly Value[], right: readonly Value[]): boolean {
  meter.enterValue();
  meter.step(Math.min(left.length, right.length));
  const differing = left.findIndex((item, index) => index < right.length && item !== right[index] && !equals(meter, item, right[index]!));
  const result = differing < 0 ? ordered(operator, left.length, right.length) : isOrdered(meter, operator, left[differing]!, right[differing]!);
  meter.leaveValue();
  return result;
}

/** Python's `sorted`: stable, by `<` alone. */
export function sortBy<T>(meter: Meter, items: readonly T[], key: (item: T) => Value, reverse: boolean): T[] {
  meter.makeList(2 * items.length);
  meter.step(items.length * Math.ceil(Math.log2(items.length + 2)));
  const keyed = items.map((item) => ({ item, key: key(item) }));
  const compare = (a: Value, b: Value) => (isOrdered(meter, "<", a, b) ? -1 : isOrdered(meter, "<", b, a) ? 1 : 0);
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key)));
  return keyed.map(({ item }) => item);
}
