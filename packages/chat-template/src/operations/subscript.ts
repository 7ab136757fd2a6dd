import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { codePoints, codeUnitIndex, codePointLength, hasSurrogates } from "../text/code-points.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonObject } from "../values/python-object.js";
import { PythonRange } from "../values/python-range.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";
import { safeAttribute } from "./attributes.js";
import { typeName } from "./type-name.js";

/** jinja2's `value[key]`: an element, else an attribute of that name, else undefined. */
export function getItem(state: RenderState, value: Value, key: Value): Value {
  const element = elementOf(state, value, key);
  if (element !== undefined) return element;
  const name = key instanceof Markup ? key.value : key;
  if (typeof name === "string") {
    const attribute = safeAttribute(state, value, name);
    if (attribute !== undefined) return attribute;
  }
  return Undefined.element(value, key);
}

/** Python's `value[key]`; undefined where it raises TypeError or LookupError. */
function elementOf(state: RenderState, value: Value, key: Value): Value | undefined {
  if (value instanceof PythonDict) return isHashable(key) ? value.get(key) : undefined;
  if (typeof value === "string") {
    const index = indexOf(key);
    return index === undefined ? undefined : characterAt(state, value, index);
  }
  if (value instanceof Markup) {
    const index = indexOf(key);
    const character = index === undefined ? undefined : characterAt(state, value.value, index);
    return character === undefined ? undefined : new Markup(character);
  }
  const items = Array.isArray(value) ? (value as readonly Value[]) : value instanceof PythonTuple ? value.items : undefined;
  if (items !== undefined) {
    const index = indexOf(key);
    return index === undefined ? undefined : items.at(index);
  }
  if (value instanceof PythonRange) {
    const index = indexOf(key);
    if (index === undefined || index >= value.length || index < -value.length) return undefined;
    return value.at(index < 0 ? index + value.length : index);
  }
  return value instanceof PythonObject ? value.item(key, state) : undefined;
}

function isHashable(key: Value): boolean {
  return !Array.isArray(key) && !(key instanceof PythonDict);
}

function indexOf(key: Value): number | undefined {
  if (typeof key === "number") return key;
  return typeof key === "boolean" ? Number(key) : undefined;
}

function characterAt(state: RenderState, text: string, index: number): string | undefined {
  state.meter.scanText(text.length);
  if (!hasSurrogates(text)) return text.at(index);
  const position = index < 0 ? index + codePointLength(text) : index;
  if (position < 0) return undefined;
  const unit = codeUnitIndex(text, position);
  const code = text.codePointAt(unit);
  return code === undefined ? undefined : String.fromCodePoint(code);
}

/** `start:stop:step`, each of them null when it is left out. */
export function getSlice(state: RenderState, value: Value, bounds: readonly [Value, Value, Value]): Value {
  if (typeof value === "string") return sliceText(state, value, bounds);
  if (value instanceof Markup) return new Markup(sliceText(state, value.value, bounds));
  if (Array.isArray(value)) return sliceItems(state, value as readonly Value[], bounds);
  if (value instanceof PythonTuple) return new PythonTuple(sliceItems(state, value.items, bounds));
  if (value instanceof PythonRange) {
    const { start, stop, step } = resolve(bounds, value.length);
    return new PythonRange(value.at(start), value.at(stop), value.step * step);
  }
  if (value instanceof Undefined) throw value.error();
  throw new TemplateRuntimeError("TypeError", `'${typeName(value)}' object cannot be sliced`);
}

function sliceText(state: RenderState, text: string, bounds: readonly [Value, Value, Value]): string {
  state.meter.scanText(text.length);
  const { start, stop, step } = resolve(bounds, codePointLength(text));
  if (step === 1) return stop <= start ? "" : text.slice(codeUnitIndex(text, start), codeUnitIndex(text, stop));
  state.meter.allocate(16 * text.length);
  return pickItems(codePoints(text), start, stop, step).join("");
}

function sliceItems<T>(state: RenderState, items: readonly T[], bounds: readonly [Value, Value, Value]): T[] {
  const { start, stop, step } = resolve(bounds, items.length);
  state.meter.makeList(Math.max(0, Math.ceil((stop - start) / step)));
  return step === 1 ? items.slice(start, Math.max(start, stop)) : pickItems(items, start, stop, step);
}

function pickItems<T>(items: readonly T[], start: number, stop: number, step: number): T[] {
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, index) => items[start + index * step]!);
}

function resolve([from, to, by]: readonly [Value, Value, Value], length: number): { start: number; stop: number; step: number } {
  const step = bound(by) ?? 1;
  if (step === 0) throw new TemplateRuntimeError("ValueError", "slice step cannot be zero");
  const low = step < 0 ? -1 : 0;
  const high = step < 0 ? length - 1 : length;
  const clamp = (index: number) => Math.min(Math.max(index < 0 ? index + length : index, low), high);
  const start = bound(from);
  const stop = bound(to);
  return {
    start: start === undefined ? (step < 0 ? high : low) : clamp(start),
    stop: stop === undefined ? (step < 0 ? low : high) : clamp(stop),
    step,
  };
}

function bound(value: Value): number | undefined {
  if (value === null) return undefined;
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  if (typeof value === "bigint") return value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  if (value instanceof Undefined) throw value.error();
  throw new TemplateRuntimeError("TypeError", "slice indices must be integers or None or have an __index__ method");
}
