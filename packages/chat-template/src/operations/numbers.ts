import type { Meter } from "../limits/meter.js";
import { TemplateLimitError } from "../errors/template-limit-error.js";
import { PythonFloat } from "../values/python-float.js";
import type { Value } from "../values/value.js";

/** An int: a bigint only where a number would not be exact. */
export function integer(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export function isInteger(value: Value): value is number | bigint | boolean {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
}

export function isNumber(value: Value): value is number | bigint | boolean | PythonFloat {
  return isInteger(value) || value instanceof PythonFloat;
}

export function toBigInt(value: number | bigint | boolean): bigint {
  return typeof value === "bigint" ? value : BigInt(value);
}

/** The nearest float; an int beyond all floats becomes infinite. */
export function toFloat(value: number | bigint | boolean | PythonFloat): number {
  return value instanceof PythonFloat ? value.value : Number(value);
}

/** Refuses integers that would grow without end. @param bits of the result, roughly */
export function checkBits(meter: Meter, bits: number): void {
  if (bits > meter.limits.integerBits) {
    throw new TemplateLimitError("integerBits", `An integer grows beyond ${meter.limits.integerBits} bits.`);
  }
  meter.step(1 + (bits >> 5) ** 2 / 1024);
}

export function bitLength(value: bigint): number {
  const size = value < 0n ? -value : value;
  return size === 0n ? 0 : size.toString(2).length;
}

/** An upper bound of the bits, cheaper than their number. */
export function roughBits(value: bigint): number {
  return value.toString(16).length * 4;
}
