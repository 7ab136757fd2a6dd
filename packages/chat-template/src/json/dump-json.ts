import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { isOrdered, sortBy } from "../operations/ordering.js";
import { integerText } from "../operations/printer.js";
import { typeName } from "../operations/type-name.js";
import { floatRepresentation } from "../text/float-text.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";

export interface DumpOptions {
  readonly ensureAscii: boolean;
  /** What each level is indented by; undefined for one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
}

/** Python's `json.dumps`. @throws TemplateRuntimeError (TypeError) for what has no JSON */
export function dumpJson(state: RenderState, value: Value, options: DumpOptions): string {
  const dump = (item: Value, newline: string): string => {
    state.meter.step(1);
    const scalar = dumpScalar(state, item, options);
    if (scalar !== undefined) return scalar;
    const entries = item instanceof PythonTuple ? item.items : item;
    if (Array.isArray(entries)) {
      return container(state, "[]", newline, options, entries.length, (inner, separate) => {
        let text = "";
        for (const entry of entries as readonly Value[]) text += separate(text) + dump(entry, inner);
        return text;
      });
    }
    if (!(item instanceof PythonDict)) throw new TemplateRuntimeError("TypeError", `Object of type ${typeName(item)} is not JSON serializable`);
    return container(state, "{}", newline, options, item.count, (inner, separate) => {
      let text = "";
      for (const [key, entry] of dictEntries(state, item, options)) {
        text += `${separate(text)}${dumpKey(key, options)}${options.keySeparator}${dump(entry, inner)}`;
      }
      return text;
    });
  };
  return dump(value, "\n");
}

function container(
  state: RenderState,
  brackets: "[]" | "{}",
  newline: string,
  { indent, itemSeparator }: DumpOptions,
  count: number,
  write: (inner: string, separate: (text: string) => string) => string,
): string {
  if (count === 0) return brackets;
  state.meter.enterValue();
  const inner = indent === undefined ? "" : newline + indent;
  state.meter.allocate(2 * count * (inner.length + itemSeparator.length));
  const body = write(inner, (text) => (text === "" ? inner : itemSeparator + inner));
  state.meter.leaveValue();
  state.meter.makeText(body.length);
  return brackets[0] + body + (indent === undefined ? "" : newline) + brackets[1];
}

function dictEntries(state: RenderState, dict: PythonDict, { sortKeys }: DumpOptions): readonly (readonly [Value, Value])[] {
  const entries = dict.entries();
  if (!sortKeys) return entries;
  const sorted = sortBy(state.meter, entries, ([key]) => key, false);
  // One key is compared with nothing, and needs no order.
  if (sorted.length > 1) isOrdered(state.meter, "<", sorted[0]![0], sorted[1]![0]);
  return sorted;
}

function dumpScalar(state: RenderState, value: Value, { ensureAscii }: DumpOptions): string | undefined {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      state.meter.makeText(value.length);
      return quoteJson(value, ensureAscii);
    case "number":
      return String(value);
    case "bigint":
      return integerText(value);
    case "boolean":
      return String(value);
    default:
      if (value instanceof PythonFloat) return floatJson(value.value);
      return value instanceof Markup ? quoteJson(value.value, ensureAscii) : undefined;
  }
}

function dumpKey(key: Value, { ensureAscii }: DumpOptions): string {
  if (typeof key === "string") return quoteJson(key, ensureAscii);
  if (key instanceof Markup) return quoteJson(key.value, ensureAscii);
  if (key instanceof PythonFloat) return `"${floatJson(key.value)}"`;
  if (typeof key === "bigint") return `"${integerText(key)}"`;
  if (key === null || typeof key === "number" || typeof key === "boolean") return `"${String(key)}"`;
  throw new TemplateRuntimeError("TypeError", `keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function floatJson(value: number): string {
  if (Number.isFinite(value)) return floatRepresentation(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

// eslint-disable-next-line no-control-regex
const escaped = /["\\\u0000-\u001f]/g;
// eslint-disable-next-line no-control-regex
const escapedToAscii = /["\\]|[^\u0020-\u007e]/g;
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
};

/** JSON.stringify would escape lone surrogates, which Python writes as they are. */
function quoteJson(text: string, ensureAscii: boolean): string {
  const body = text.replace(
    ensureAscii ? escapedToAscii : escaped,
    (unit) => shortEscapes[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${body}"`;
}
