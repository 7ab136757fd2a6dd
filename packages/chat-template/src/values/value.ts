import type { PythonObject } from "./python-object.js";

/**
 * A Python value. `null` is None; numbers and bigints are int (a float is a `PythonFloat`), bigints only beyond the safe
 * integers; strings are str, counted in code points where Python counts; arrays are list, and are never changed. All
 * else is a `PythonObject`.
 */
export type Value = null | boolean | number | bigint | string | readonly Value[] | PythonObject;

/** Keyword arguments of a call. */
export type NamedArguments = ReadonlyMap<string, Value>;

/** A value, or what stands for one that is missing; null is None, and is not missing. */
export function given(value: Value | undefined, fallback: Value): Value {
  return value === undefined ? fallback : value;
}

export const noNames: NamedArguments = new Map();
