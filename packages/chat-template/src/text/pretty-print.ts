import type { RenderState } from "../compiler/render-state.js";
import { isOrdered } from "../operations/ordering.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { typeName } from "../operations/type-name.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { stringRepresentation } from "./string-representation.js";

const lineWidth = 80;

/** Python's `pprint.pformat`: what does not fit on a line of 80 characters is broken up; keys are sorted. */
export function prettyPrint(state: RenderState, value: Value): string {
  return print(state, sortedKeys(state, value), 0, 0);
}

function sortedKeys(state: RenderState, value: Value): Value {
  state.meter.enterValue();
  let sorted = value;
  if (Array.isArray(value)) sorted = value.map((item) => sortedKeys(state, item as Value));
  else if (value instanceof PythonTuple) sorted = new PythonTuple(value.items.map((item) => sortedKeys(state, item)));
  else if (value instanceof PythonDict) {
    state.meter.makeList(8 * value.count);
    sorted = PythonDict.of(sortEntries(state, value).map(([key, item]) => [key, sortedKeys(state, item)] as const));
  }
  state.meter.leaveValue();
  return sorted;
}

/** Keys that cannot be compared are ordered by their types' names. */
function sortEntries(state: RenderState, dict: PythonDict): [Value, Value][] {
  const isLess = (a: Value, b: Value): boolean => {
    try {
      return isOrdered(state.meter, "<", a, b);
    } catch (error) {
      if (!TemplateRuntimeError.isInstance(error)) throw error;
      return typeName(a) < typeName(b);
    }
  };
  state.meter.step(dict.count * 8);
  return dict.entries().sort(([a], [b]) => (isLess(a, b) ? -1 : isLess(b, a) ? 1 : 0));
}

/** @param indent of the value's first character @param behind characters that follow its last one on the line */
function print(state: RenderState, value: Value, indent: number, behind: number): string {
  const line = state.printer.representation(value);
  state.meter.makeText(line.length + indent);
  if (line.length <= lineWidth - indent - behind) return line;
  state.meter.enterValue();
  const text = broken(state, value, line, indent, behind);
  state.meter.leaveValue();
  return text;
}

function broken(state: RenderState, value: Value, line: string, indent: number, behind: number): string {
  const inner = indent + 1;
  if (Array.isArray(value) && value.length > 0) return `[${lines(state, value as readonly Value[], inner, behind + 1)}]`;
  if (value instanceof PythonTuple && value.items.length > 0) {
    const single = value.items.length === 1;
    return `(${lines(state, value.items, inner, behind + (single ? 2 : 1))}${single ? "," : ""})`;
  }
  if (value instanceof PythonDict && value.count > 0) {
    const entries = value.entries().map(([key, item], index, all) => {
      const name = state.printer.representation(key);
      return `${name}: ${print(state, item, inner + name.length + 2, index === all.length - 1 ? behind + 1 : 1)}`;
    });
    return `{${entries.join(`,\n${" ".repeat(inner)}`)}}`;
  }
  return typeof value === "string" ? brokenText(value, line, indent, behind) : line;
}

function lines(state: RenderState, items: readonly Value[], indent: number, behind: number): string {
  const texts = items.map((item, index) => print(state, item, indent, index === items.length - 1 ? behind : 1));
  return texts.join(`,\n${" ".repeat(indent)}`);
}

/** A long text becomes several literals, broken behind white space; in parentheses when it stands alone. */
function brokenText(text: string, line: string, indent: number, behind: number): string {
  const alone = indent === 0;
  const start = alone ? 1 : indent;
  const width = lineWidth - start - (alone ? behind + 1 : behind);
  const literals: string[] = [];
  let current = "";
  for (const word of text.match(/\S*\s*/g) ?? []) {
    if (word === "") continue;
    const longer = current + word;
    if (current !== "" && stringRepresentation(longer).length > width) {
      literals.push(stringRepresentation(current));
      current = word;
    } else current = longer;
  }
  if (current !== "") literals.push(stringRepresentation(current));
  if (literals.length <= 1) return line;
  const body = literals.join(`\n${" ".repeat(start)}`);
  return alone ? `(${body})` : body;
}
