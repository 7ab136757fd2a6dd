import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { TemplateLimitError } from "../errors/template-limit-error.js";
import { typeName } from "../operations/type-name.js";
import { Markup } from "./markup.js";
import { PythonFloat } from "./python-float.js";
import { PythonObject } from "./python-object.js";
import { PythonTuple } from "./python-tuple.js";
import { Undefined } from "./undefined.js";
import type { Value } from "./value.js";

/** What a `Map` tells apart exactly where Python's dict tells keys apart: 1, 1.0 and True are one key. */
export type HashKey = string | number | bigint | null | PythonObject;

/** Marks texts that stand for keys of other types. Keys that begin with it are escaped. */
const escape = "\u0000";

export function hashText(key: string): string {
  return key.charCodeAt(0) === 0 ? `${escape}s${key}` : key;
}

/** @throws TemplateRuntimeError (TypeError) for lists and dicts, which Python cannot hash */
export function hashKey(key: Value): HashKey {
  if (typeof key === "string") return hashText(key);
  if (typeof key === "number" || key === null) return key;
  if (typeof key === "boolean") return key ? 1 : 0;
  if (typeof key === "bigint") return Number.isSafeInteger(Number(key)) ? Number(key) : key;
  if (key instanceof PythonFloat) return hashFloat(key.value);
  if (key instanceof Markup) return hashText(key.value);
  if (key instanceof PythonTuple) return hashTuple(key);
  if (key instanceof Undefined) return `${escape}u`;
  if (Array.isArray(key) || typeName(key) === "dict") {
    throw new TemplateRuntimeError("TypeError", `unhashable type: '${typeName(key)}'`);
  }
  return key as PythonObject;
}

function hashFloat(value: number): number | bigint {
  if (Object.is(value, -0)) return 0;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
}

/** Tuples of tuples can be far larger than the memory they take. */
const longestTuple = 100_000;

function hashTuple({ items }: PythonTuple): string {
  let text = `${escape}t`;
  for (const item of items) {
    text += tuplePart(item);
    if (text.length > longestTuple) throw new TemplateLimitError("memory", "A tuple is too large to be a key.");
  }
  return text;
}

/** Length and kind in front, so that no two tuples share a text. */
function tuplePart(item: Value): string {
  const key = hashKey(item);
  if (key instanceof PythonObject) throw new TemplateRuntimeError("TypeError", `a tuple with ${typeName(item)} cannot be a key here`);
  const text = String(key);
  const kind = typeof key === "string" ? "s" : key === null ? "n" : "i";
  return `${kind}${text.length}:${text}`;
}
