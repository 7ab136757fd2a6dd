import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { codePoints } from "../text/code-points.js";
import { PythonObject } from "../values/python-object.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { typeName } from "./type-name.js";

/** The elements of a value as an array that must not be changed, as `list` gives them. @throws TemplateRuntimeError (TypeError) */
export function elements(state: RenderState, value: Value): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  if (value instanceof PythonTuple) return value.items;
  const list: Value[] = [];
  const iterator = iterate(state, value);
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    state.meter.step(1);
    list.push(next.value);
  }
  state.meter.makeList(list.length);
  return list;
}

/** Python's `iter`. @throws TemplateRuntimeError (TypeError) */
export function iterate(state: RenderState, value: Value): Iterator<Value> {
  const iterator = iterateIfPossible(state, value);
  if (iterator === undefined) throw new TemplateRuntimeError("TypeError", `'${typeName(value)}' object is not iterable`);
  return iterator;
}

export function iterateIfPossible(state: RenderState, value: Value): Iterator<Value> | undefined {
  if (typeof value === "string") {
    state.meter.allocate(16 * value.length);
    return codePoints(value).values();
  }
  if (value instanceof PythonObject) return value.iterator(state);
  return Array.isArray(value) ? (value as readonly Value[]).values() : undefined;
}

/** An iterator as something that `for … of` takes. */
export function* through(state: RenderState, value: Value): Generator<Value> {
  const iterator = iterate(state, value);
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    state.meter.step(1);
    yield next.value;
  }
}
