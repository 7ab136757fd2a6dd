import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { dumpJson } from "../json/dump-json.js";
import { type Arguments, type Callee, textArgument, withParameters } from "../methods/parameters.js";
import { safeAttribute } from "../operations/attributes.js";
import { elements } from "../operations/iteration.js";
import { sizeOf } from "../operations/size.js";
import { isTruthy } from "../operations/truth.js";
import { prettyPrint } from "../text/pretty-print.js";
import { Undefined } from "../values/undefined.js";
import { given, type Value } from "../values/value.js";

/** transformers' `tojson`: no escapes for HTML, and the options of `json.dumps`, in this order. */
function toJson(state: RenderState, value: Value, [ensureAscii, indent, separators, sortKeys]: Arguments): string {
  const inline = (indent ?? null) === null;
  const [item, key, ...more] = (separators ?? null) === null ? [inline ? ", " : ",", ": "] : elements(state, separators!);
  if (more.length > 0 || key === undefined) throw new TemplateRuntimeError("ValueError", "separators must be two texts");
  return dumpJson(state, value, {
    ensureAscii: isTruthy(ensureAscii ?? false),
    indent: inline ? undefined : indentText(state, indent!),
    itemSeparator: textArgument(item),
    keySeparator: textArgument(key),
    sortKeys: isTruthy(sortKeys ?? false),
  });
}

function indentText(state: RenderState, indent: Value): string {
  if (typeof indent !== "number" && typeof indent !== "boolean") return textArgument(indent);
  state.meter.makeText(Number(indent));
  return " ".repeat(Math.max(0, Number(indent)));
}

function defaultTo(_: RenderState, value: Value, [fallback, boolean]: Arguments): Value {
  return value instanceof Undefined || (isTruthy(boolean ?? false) && !isTruthy(value)) ? given(fallback, "") : value;
}

function attribute(state: RenderState, value: Value, [name]: Arguments): Value {
  const text = textArgument(name);
  return given(safeAttribute(state, value, text), Undefined.element(value, text));
}

/** Filters over values of any kind. */
export const valueFilters: Readonly<Record<string, Callee>> = {
  default: withParameters({ names: ["default_value", "boolean"] }, defaultTo),
  length: withParameters({ names: [] }, (state, value) => sizeOf(state.meter, value)),
  attr: withParameters({ names: ["name"], required: 1 }, attribute),
  tojson: withParameters({ names: ["ensure_ascii", "indent", "separators", "sort_keys"] }, toJson),
  pprint: withParameters({ names: [] }, (state, value) => prettyPrint(state, value)),
};
