import type { Value } from "../values/value.js";

/** Python's `bool`. */
export function isTruthy(value: Value): boolean {
  if (typeof value !== "object") return Boolean(value);
  if (value === null) return false;
  return "isTruthy" in value ? value.isTruthy() : value.length > 0;
}
