import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { DictView } from "../values/dict-view.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonRange } from "../values/python-range.js";
import type { Value } from "../values/value.js";
import { equals } from "./equality.js";
import { iterateIfPossible } from "./iteration.js";
import { typeName } from "./type-name.js";

/** Python's `in`. */
export function contains(state: RenderState, container: Value, item: Value): boolean {
  const text = container instanceof Markup ? container.value : container;
  if (typeof text === "string") {
    const part = item instanceof Markup ? item.value : item;
    if (typeof part !== "string") throw new TemplateRuntimeError("TypeError", `'in <string>' requires string as left operand, not ${typeName(item)}`);
    state.meter.scanText(text.length);
    return text.includes(part);
  }
  if (container instanceof PythonDict) return container.has(item);
  if (container instanceof DictView && container.kind === "keys") return container.dict.has(item);
  if (container instanceof PythonRange) {
    const number = item instanceof PythonFloat ? item.value : typeof item === "boolean" ? Number(item) : item;
    return typeof number === "number" && container.includes(number);
  }
  const iterator = iterateIfPossible(state, container);
  if (iterator === undefined) throw new TemplateRuntimeError("TypeError", `argument of type '${typeName(container)}' is not iterable`);
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    state.meter.step(1);
    if (next.value === item || equals(state.meter, next.value, item)) return true;
  }
  return false;
}
