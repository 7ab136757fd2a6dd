import type { Meter } from "../limits/meter.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { codePointLength } from "../text/code-points.js";
import { PythonObject } from "../values/python-object.js";
import type { Value } from "../values/value.js";
import { typeName } from "./type-name.js";

export function sizeIfAny(meter: Meter, value: Value): number | undefined {
  if (typeof value === "string") {
    meter.scanText(value.length);
    return codePointLength(value);
  }
  if (value instanceof PythonObject) return value.size();
  return Array.isArray(value) ? value.length : undefined;
}

/** Python's `len`. @throws TemplateRuntimeError (TypeError) */
export function sizeOf(meter: Meter, value: Value): number {
  const size = sizeIfAny(meter, value);
  if (size === undefined) throw new TemplateRuntimeError("TypeError", `object of type '${typeName(value)}' has no len()`);
  return size;
}
