import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { bitLength, integer, toBigInt } from "../operations/numbers.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { type Callee, withParameters } from "./parameters.js";

type Integer = number | bigint | boolean;

const nothing = { names: [] };

export const integerMethods: Readonly<Record<string, Callee<Integer>>> = {
  bit_length: withParameters(nothing, (_, value) => bitLength(toBigInt(value))),
  bit_count: withParameters(nothing, (_, value) => toBigInt(value).toString(2).replace(/[^1]/g, "").length),
  conjugate: withParameters(nothing, (_, value) => integer(toBigInt(value))),
  is_integer: withParameters(nothing, () => true),
  as_integer_ratio: withParameters(nothing, (_, value) => new PythonTuple([integer(toBigInt(value)), 1])),
};

export const floatMethods: Readonly<Record<string, Callee<PythonFloat>>> = {
  is_integer: withParameters(nothing, (_, float) => Number.isInteger(float.value)),
  conjugate: withParameters(nothing, (_, float) => float),
  as_integer_ratio: withParameters(nothing, (_, float) => {
    if (!Number.isFinite(float.value)) throw new TemplateRuntimeError("OverflowError", "cannot convert this float to an integer ratio");
    let numerator = float.value;
    let denominator = 1n;
    for (; !Number.isInteger(numerator); numerator *= 2) denominator *= 2n;
    return new PythonTuple([integer(BigInt(numerator)), integer(denominator)]);
  }),
};

/** The attributes of numbers that are no methods. */
export function numberAttribute(value: Integer | PythonFloat, name: string): Value | undefined {
  const isFloat = value instanceof PythonFloat;
  const plain = typeof value === "boolean" ? Number(value) : value;
  if (name === "real") return plain;
  if (name === "imag") return isFloat ? new PythonFloat(0) : 0;
  if (isFloat) return undefined;
  return name === "numerator" ? plain : name === "denominator" ? 1 : undefined;
}
