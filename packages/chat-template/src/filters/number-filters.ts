import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { type Arguments, type Callee, integerArgument, typeError, valueError, withParameters } from "../methods/parameters.js";
import { checkBits, integer, isInteger, toBigInt, toFloat } from "../operations/numbers.js";
import { isTruthy } from "../operations/truth.js";
import { typeName } from "../operations/type-name.js";
import { fixedDigits } from "../text/float-text.js";
import { parseFloatText, parseInteger } from "../text/number-reading.js";
import { Markup } from "../values/markup.js";
import { PythonFloat } from "../values/python-float.js";
import { Undefined } from "../values/undefined.js";
import { given, type Value } from "../values/value.js";
import { filterArgumentError } from "./filter-argument-error.js";

/** Python's `int(value)` of a number; undefined where it raises TypeError. */
function truncate(value: Value): number | bigint | undefined {
  if (isInteger(value)) return integer(toBigInt(value));
  if (value instanceof Undefined) throw value.error();
  if (!(value instanceof PythonFloat)) return undefined;
  if (Number.isNaN(value.value)) return undefined;
  if (!Number.isFinite(value.value)) throw new TemplateRuntimeError("OverflowError", "cannot convert float infinity to integer");
  return integer(BigInt(Math.trunc(value.value)));
}

function toInteger(state: RenderState, value: Value, [fallback, base]: Arguments): Value {
  const text = value instanceof Markup ? value.value : value;
  if (typeof text !== "string") return truncate(value) ?? given(fallback, 0);
  state.meter.allocate(text.length);
  const whole = parseInteger(text, base === undefined ? 10 : integerArgument(base));
  if (whole !== undefined) return integer(whole);
  const float = parseFloatText(text);
  return float === undefined || !Number.isFinite(float) ? given(fallback, 0) : integer(BigInt(Math.trunc(float)));
}

function toFloatValue(_: RenderState, value: Value, [fallback]: Arguments): Value {
  const text = value instanceof Markup ? value.value : value;
  const otherwise = given(fallback, new PythonFloat(0));
  if (typeof text === "string") {
    const float = parseFloatText(text);
    return float === undefined ? otherwise : new PythonFloat(float);
  }
  if (value instanceof Undefined) throw value.error();
  return isInteger(value) || value instanceof PythonFloat ? new PythonFloat(toFloat(value)) : otherwise;
}

/** Python's `round`: half to even. */
function roundNumber(state: RenderState, value: Value, precision: number): Value {
  if (value instanceof PythonFloat) {
    if (!Number.isFinite(value.value) || precision > 323) return value;
    const digits = fixedDigits(Math.abs(value.value), Math.max(precision, -400));
    return new PythonFloat(value.value < 0 || Object.is(value.value, -0) ? -Number(digits) : Number(digits));
  }
  if (!isInteger(value)) {
    if (value instanceof Undefined) throw value.error();
    throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  }
  const number = toBigInt(value);
  if (precision >= 0) return integer(number);
  checkBits(state.meter, -precision * 4);
  const unit = 10n ** BigInt(-precision);
  const rest = ((number % unit) + unit) % unit;
  const down = number - rest;
  const up = rest * 2n > unit || (rest * 2n === unit && (down / unit) % 2n !== 0n);
  return integer(up ? down + unit : down);
}

function round(state: RenderState, value: Value, [precision, method]: Arguments): Value {
  const places = precision === undefined ? 0 : integerArgument(precision);
  const kind = given(method, "common");
  if (kind === "common") return roundNumber(state, value, places);
  if (kind !== "ceil" && kind !== "floor") throw filterArgumentError("method must be common, ceil or floor");
  if (value instanceof Undefined) throw value.error();
  if (!isInteger(value) && !(value instanceof PythonFloat)) throw typeError(`must be real number, not ${typeName(value)}`);
  const scale = 10 ** places;
  const scaled = toFloat(value) * scale;
  return new PythonFloat((kind === "ceil" ? Math.ceil(scaled) : Math.floor(scaled)) / scale);
}

function absolute(_: RenderState, value: Value): Value {
  if (value instanceof PythonFloat) return new PythonFloat(Math.abs(value.value));
  if (value instanceof Undefined) throw value.error();
  if (!isInteger(value)) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
  const number = toBigInt(value);
  return integer(number < 0n ? -number : number);
}

const sizes = ["k", "M", "G", "T", "P", "E", "Z", "Y"];

function fileSize(state: RenderState, value: Value, [binary]: Arguments): Value {
  const float = toFloatValue(state, value, [null]);
  if (!(float instanceof PythonFloat)) throw valueError("could not convert the value to float");
  const bytes = float.value;
  const isBinary = isTruthy(binary ?? false);
  const base = isBinary ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  let step = 0;
  while (step < sizes.length - 1 && bytes >= base ** (step + 2)) step++;
  const name = isBinary ? `${sizes[step]!.toUpperCase()}iB` : `${sizes[step]}B`;
  return `${fixedDigits((base * bytes) / base ** (step + 2), 1)} ${name}`;
}

/** Filters over numbers. */
export const numberFilters: Readonly<Record<string, Callee>> = {
  abs: withParameters({ names: [] }, absolute),
  int: withParameters({ names: ["default", "base"] }, toInteger),
  float: withParameters({ names: ["default"] }, toFloatValue),
  round: withParameters({ names: ["precision", "method"] }, round),
  filesizeformat: withParameters({ names: ["binary"] }, fileSize),
};
