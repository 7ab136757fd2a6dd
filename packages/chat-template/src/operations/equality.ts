import type { Meter } from "../limits/meter.js";
import { DictView } from "../values/dict-view.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonRange } from "../values/python-range.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";
import { isNumber, isInteger } from "./numbers.js";

/** Python's `==`. */
export function equals(meter: Meter, left: Value, right: Value): boolean {
  if (left === right) return !(left instanceof PythonFloat) || !Number.isNaN(left.value);
  if (typeof left === "string" && typeof right === "string") {
    if (left.length === right.length) meter.scanText(left.length);
    return left === right;
  }
  if (isNumber(left)) return isNumber(right) && equalNumbers(left, right);
  if (left === null || right === null) return false;
  if (left instanceof Markup) return equals(meter, left.value, right);
  if (right instanceof Markup) return equals(meter, left, right.value);
  if (Array.isArray(left)) return Array.isArray(right) && equalItems(meter, left, right);
  if (left instanceof PythonTuple) return right instanceof PythonTuple && equalItems(meter, left.items, right.items);
  if (left instanceof PythonDict) return right instanceof PythonDict && equalDicts(meter, left, right);
  if (left instanceof Undefined) return right instanceof Undefined;
  if (left instanceof PythonRange && right instanceof PythonRange) return equalRanges(left, right);
  if (left instanceof DictView && right instanceof DictView) return equalViews(meter, left, right);
  return false;
}

function equalNumbers(left: number | bigint | boolean | PythonFloat, right: number | bigint | boolean | PythonFloat): boolean {
  const a = left instanceof PythonFloat ? left.value : left;
  const b = right instanceof PythonFloat ? right.value : right;
  // JavaScript compares a bigint and a number by their exact values, as Python does.
  // eslint-disable-next-line eqeqeq
  return (typeof a === "boolean" ? Number(a) : a) == (typeof b === "boolean" ? Number(b) : b);
}

/** Elements that are the same object count as equal without a look, as in Python. */
function same(meter: Meter, left: Value, right: Value): boolean {
  return left === right || equals(meter, left, right);
}

function equalItems(meter: Meter, left: readonly Value[], right: readonly Value[]): boolean {
  if (left.length !== right.length) return false;
  meter.enterValue();
  meter.step(left.length);
  const equal = left.every((item, index) => same(meter, item, right[index]!));
  meter.leaveValue();
  return equal;
}

function equalDicts(meter: Meter, left: PythonDict, right: PythonDict): boolean {
  if (left.count !== right.count) return false;
  meter.enterValue();
  meter.step(left.count);
  const equal = left.entries().every(([key, value]) => {
    const other = right.get(key);
    return other !== undefined && same(meter, value, other);
  });
  meter.leaveValue();
  return equal;
}

function equalRanges(left: PythonRange, right: PythonRange): boolean {
  if (left.length !== right.length) return false;
  return left.length === 0 || (left.start === right.start && (left.length === 1 || left.step === right.step));
}

/** Keys and items are sets. */
function equalViews(meter: Meter, left: DictView, right: DictView): boolean {
  if (left.kind !== right.kind || left.kind === "values" || left.dict.count !== right.dict.count) return false;
  return left.kind === "items" ? equalDicts(meter, left.dict, right.dict) : left.dict.keys().every((key) => right.dict.has(key));
}

/** Python's `is`. */
export function isSame(left: Value, right: Value): boolean {
  if (left instanceof PythonTuple && right instanceof PythonTuple && left.items.length + right.items.length === 0) return true;
  if (isInteger(left) && isInteger(right)) return left === right;
  return left === right;
}
