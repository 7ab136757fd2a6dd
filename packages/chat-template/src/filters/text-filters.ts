import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { type Arguments, type Callee, integerArgument, textArgument, withParameters } from "../methods/parameters.js";
import { replace, strip } from "../methods/text-edit.js";
import { center } from "../methods/text-layout.js";
import { splitLines } from "../methods/text-split.js";
import { calculate } from "../operations/arithmetic.js";
import { isTruthy } from "../operations/truth.js";
import { codePointLength, codeUnitIndex } from "../text/code-points.js";
import { capitalize } from "../text/letter-case.js";
import { isWhitespace } from "../text/whitespace.js";
import { wrapText } from "../text/word-wrap.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonTuple } from "../values/python-tuple.js";
import { given, type Value } from "../values/value.js";
import { filterArgumentError } from "./filter-argument-error.js";

/** A filter over the text of any value; Markup stays Markup. */
function onText(change: (state: RenderState, text: string, args: Arguments) => string): (state: RenderState, value: Value, args: Arguments) => Value {
  return (state, value, args) => {
    if (value instanceof Markup) return new Markup(change(state, value.value, args));
    const text = state.printer.text(value);
    state.meter.makeText(text.length);
    return change(state, text, args);
  };
}

/** The first letter of each word in upper case; words also begin behind hyphens and opening brackets. */
function title(text: string): string {
  let result = "";
  let start = 0;
  for (let index = 0; index <= text.length; index++) {
    if (index < text.length && !isTitleBreak(text, index)) continue;
    result += titleWord(text.slice(start, index)) + text.slice(index, index + 1);
    start = index + 1;
  }
  return result;
}

function isTitleBreak(text: string, index: number): boolean {
  return "-({[<".includes(text[index]!) || isWhitespace(text.charCodeAt(index));
}

function titleWord(word: string): string {
  const [first] = word;
  return first === undefined ? "" : first.toUpperCase() + word.slice(first.length).toLowerCase();
}

function truncate(state: RenderState, value: Value, [length, killWords, end, leeway]: Arguments): Value {
  const text = textArgument(value);
  const wrap = (result: string) => (value instanceof Markup ? new Markup(result) : result);
  const limit = length === undefined ? 255 : integerArgument(length);
  const ending = end === undefined ? "..." : textArgument(end);
  const tolerance = (leeway ?? null) === null ? 5 : integerArgument(leeway!);
  const room = limit - codePointLength(ending);
  if (room < 0) throw new TemplateRuntimeError("AssertionError", `expected length >= ${codePointLength(ending)}, got ${limit}`);
  if (tolerance < 0) throw new TemplateRuntimeError("AssertionError", `expected leeway >= 0, got ${tolerance}`);
  state.meter.scanText(text.length);
  if (codePointLength(text) <= limit + tolerance) return value;
  const kept = text.slice(0, codeUnitIndex(text, room));
  if (isTruthy(killWords ?? false)) return wrap(kept + ending);
  const space = kept.lastIndexOf(" ");
  return wrap((space < 0 ? kept : kept.slice(0, space)) + ending);
}

function indent(state: RenderState, text: string, [width, first, blank]: Arguments): string {
  const indention = typeof width === "string" ? width : width instanceof Markup ? width.value : " ".repeat(indentWidth(state, width));
  const lines = splitLines(`${text}\n`);
  state.meter.makeText(text.length + indention.length * lines.length);
  state.meter.makeList(lines.length);
  const indentBlank = isTruthy(blank ?? false);
  const indented = lines.map((line, index) => (index > 0 && (line !== "" || indentBlank) ? indention + line : line)).join("\n");
  return isTruthy(first ?? false) ? indention + indented : indented;
}

function indentWidth(state: RenderState, width: Value | undefined): number {
  const size = width === undefined ? 4 : Math.max(0, integerArgument(width));
  state.meter.makeText(size);
  return size;
}

function format(state: RenderState, value: Value, positional: readonly Value[], named: ReadonlyMap<string, Value>): Value {
  if (positional.length > 0 && named.size > 0) throw filterArgumentError("can't handle positional and keyword arguments at the same time");
  const template = value instanceof Markup ? value : state.printer.text(value);
  return calculate(state, "%", template, named.size > 0 ? PythonDict.of(named) : new PythonTuple(positional));
}

function wordWrap(state: RenderState, text: string, [width, breakLong, between, breakHyphens]: Arguments): string {
  const size = width === undefined ? 79 : integerArgument(width);
  const separator = (between ?? null) === null ? "\n" : textArgument(between);
  if (size <= 0) throw new TemplateRuntimeError("ValueError", `invalid width ${size} (must be > 0)`);
  state.meter.allocate(128 * text.length);
  const options = { width: size, breakLongWords: isTruthy(given(breakLong, true)), breakOnHyphens: isTruthy(given(breakHyphens, true)) };
  const lines = splitLines(text).map((line) => wrapText(line, options).join(separator));
  state.meter.makeText(lines.length * separator.length);
  return lines.join(separator);
}

function replaceIn(state: RenderState, value: Value, [old, by, count]: Arguments): Value {
  const times = (count ?? null) === null ? -1 : count!;
  const { printer } = state;
  if (!state.autoescape) return replace(state, printer.text(value), [printer.text(old!), printer.text(by!), times]);
  // Where one of the three is safe already, the others are made safe too.
  const escapes = old instanceof Markup || by instanceof Markup || value instanceof Markup;
  const text = escapes ? state.escaped(value) : printer.text(value);
  const result = replace(state, text, [printer.text(old!), escapes ? state.escaped(by!) : printer.text(by!), times]);
  return escapes ? new Markup(result) : result;
}

const nothing = { names: [] };
const words = /[\p{L}\p{N}_]+/gu;

/** Filters over texts. */
export const textFilters: Readonly<Record<string, Callee>> = {
  upper: withParameters(nothing, onText((_, text) => text.toUpperCase())),
  lower: withParameters(nothing, onText((_, text) => text.toLowerCase())),
  capitalize: withParameters(nothing, onText((_, text) => capitalize(text))),
  title: withParameters(nothing, onText((_, text) => title(text))),
  trim: withParameters({ names: ["chars"] }, onText((state, text, args) => strip(state, text, args, true, true))),
  center: withParameters({ names: ["width"] }, onText((state, text, [width]) => center(state, text, [given(width, 80)]))),
  indent: withParameters({ names: ["width", "first", "blank"] }, (state, value, args) =>
    value instanceof Markup ? new Markup(indent(state, value.value, args)) : indent(state, textArgument(value), args),
  ),
  truncate: withParameters({ names: ["length", "killwords", "end", "leeway"] }, truncate),
  wordwrap: withParameters({ names: ["width", "break_long_words", "wrapstring", "break_on_hyphens"] }, (state, value, args) =>
    wordWrap(state, textArgument(value), args),
  ),
  wordcount: withParameters(nothing, (state, value) => {
    const text = state.printer.text(value);
    state.meter.allocate(16 * text.length);
    return text.match(words)?.length ?? 0;
  }),
  replace: withParameters({ names: ["old", "new", "count"], required: 2 }, replaceIn),
  format,
  string: withParameters(nothing, (state, value) => (value instanceof Markup ? value : state.printer.text(value))),
  escape: withParameters(nothing, (state, value) => new Markup(state.escaped(value))),
  forceescape: withParameters(nothing, (state, value) => new Markup(state.escaped(state.printer.text(value)))),
  safe: withParameters(nothing, (state, value) => new Markup(state.printer.text(value))),
};
