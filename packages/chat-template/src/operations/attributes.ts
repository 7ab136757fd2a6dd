import type { RenderState } from "../compiler/render-state.js";
import { boundMethod } from "../methods/bound-method.js";
import { isMutating } from "../methods/mutating-methods.js";
import { PythonObject } from "../values/python-object.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";

/** jinja2's `value.name` in its sandbox: an attribute, else an element of that name, else undefined. */
export function getAttribute(state: RenderState, value: Value, name: string): Value {
  const attribute = safeAttribute(state, value, name);
  if (attribute !== undefined) return attribute;
  const element = value instanceof PythonObject ? value.item(name, state) : undefined;
  if (element !== undefined) return element;
  return name.startsWith("__") && name.endsWith("__") ? Undefined.unsafe(value, name) : Undefined.element(value, name);
}

/**
 * Python's `getattr` in the sandbox: what is private or would change the value gives an undefined that says so; undefined
 * where Python raises AttributeError.
 */
export function safeAttribute(state: RenderState, value: Value, name: string): Value | undefined {
  if (isMutating(value, name)) return Undefined.unsafe(value, name);
  const own = value instanceof PythonObject ? value.attribute(name, state) : undefined;
  const attribute = own === undefined ? boundMethod(value, name) : own;
  return attribute !== undefined && name.startsWith("_") ? Undefined.unsafe(value, name) : attribute;
}
