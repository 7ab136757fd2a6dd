import { PythonDict } from "../values/python-dict.js";
import type { Value } from "../values/value.js";

const ofLists = new Set(["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]);
const ofDicts = new Set(["clear", "pop", "popitem", "setdefault", "update"]);

/** Methods that change a value, which jinja2's immutable sandbox refuses. */
export function isMutating(value: Value, name: string): boolean {
  return (Array.isArray(value) && ofLists.has(name)) || (value instanceof PythonDict && ofDicts.has(name));
}
