import type { RenderState } from "../compiler/render-state.js";
import { elements } from "../operations/iteration.js";
import { typeName } from "../operations/type-name.js";
import { BraceFormat } from "../text/brace-format.js";
import { capitalize, caseFold, swapCase, titleCase } from "../text/letter-case.js";
import { trimEnd, trimStart } from "../text/whitespace.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { noNames, type Value } from "../values/value.js";
import { type Arguments, type Callee, integerArgument, textArgument, typeError, withParameters } from "./parameters.js";

/** Python's `str.replace`; a negative count replaces all. */
export function replace(state: RenderState, text: string, [old, by, times]: Arguments): string {
  const [wanted, replacement] = [textArgument(old), textArgument(by)];
  const limit = times === undefined ? -1 : integerArgument(times);
  state.meter.scanText(text.length);
  if (wanted === "") state.meter.allocate(16 * text.length);
  const pieces = wanted === "" ? ["", ...Array.from(text), ""] : text.split(wanted);
  const count = limit < 0 ? pieces.length - 1 : Math.min(limit, pieces.length - 1);
  if (count === 0) return text;
  state.meter.makeText(text.length + count * replacement.length);
  state.meter.step(count);
  const replaced = pieces.slice(0, count + 1).join(replacement);
  return count === pieces.length - 1 ? replaced : replaced + wanted + pieces.slice(count + 1).join(wanted);
}

/** Python's `str.strip` and its sides: white space, or all characters of `characters`. */
export function strip(state: RenderState, text: string, [characters]: Arguments, start: boolean, end: boolean): string {
  state.meter.scanText(text.length);
  if (characters === undefined || characters === null) {
    const right = end ? trimEnd(text) : text;
    return start ? trimStart(right) : right;
  }
  const stripped = new Set(textArgument(characters));
  let from = 0;
  let to = text.length;
  while (from < to) {
    if (!start) break;
    const character = String.fromCodePoint(text.codePointAt(from)!);
    if (!stripped.has(character)) break;
    from += character.length;
  }
  while (to > from) {
    if (!end) break;
    const pair = text.codePointAt(to - 2);
    const character = pair !== undefined && pair > 0xffff && to - 2 >= from ? String.fromCodePoint(pair) : text[to - 1]!;
    if (!stripped.has(character)) break;
    to -= character.length;
  }
  return text.slice(from, to);
}

function join(state: RenderState, text: string, [values]: Arguments): string {
  const parts = elements(state, values!);
  let length = text.length * parts.length;
  for (const [index, part] of parts.entries()) {
    if (typeof part === "string") length += part.length;
    else if (part instanceof Markup) length += part.value.length;
    else throw typeError(`sequence item ${index}: expected str instance, ${typeName(part)} found`);
  }
  state.meter.makeText(length);
  state.meter.step(parts.length);
  return parts.map((part) => (part instanceof Markup ? part.value : (part as string))).join(text);
}

function translate(state: RenderState, text: string, [table]: Arguments): string {
  if (!(table instanceof PythonDict)) throw typeError("translate wants a dict");
  state.meter.scanText(text.length);
  let result = "";
  for (const character of text) {
    const value = table.get(character.codePointAt(0)!);
    const piece = value === undefined ? character : value === null ? "" : typeof value === "number" ? String.fromCodePoint(value) : textArgument(value);
    state.meter.allocate(2 * piece.length);
    result += piece;
  }
  return result;
}

/** Python's `str.maketrans`. */
function makeTranslation(_: RenderState, __: string, [from, to, without]: Arguments): PythonDict {
  const table = new PythonDict();
  if (from instanceof PythonDict) {
    for (const [key, value] of from.entries()) table.set(typeof key === "string" ? key.codePointAt(0)! : key, value);
    return table;
  }
  const [keys, values] = [Array.from(textArgument(from)), Array.from(textArgument(to))];
  if (keys.length !== values.length) throw typeError("the first two maketrans arguments must have equal length");
  for (const [index, key] of keys.entries()) table.set(key.codePointAt(0)!, values[index]!.codePointAt(0)!);
  for (const key of without === undefined ? [] : textArgument(without)) table.set(key.codePointAt(0)!, null);
  return table;
}

function changed(change: (text: string) => string): Callee<string> {
  return withParameters({ names: [] }, (state, text) => {
    state.meter.makeText(text.length);
    return change(text);
  });
}

const characters = { names: ["chars"], byName: false };
const affix = { names: ["affix"], required: 1, byName: false };

/** Methods that give a changed text. */
export const editMethods: Readonly<Record<string, Callee<string>>> = {
  upper: changed((text) => text.toUpperCase()),
  lower: changed((text) => text.toLowerCase()),
  capitalize: changed(capitalize),
  title: changed(titleCase),
  swapcase: changed(swapCase),
  casefold: changed(caseFold),
  strip: withParameters(characters, (state, text, args) => strip(state, text, args, true, true)),
  lstrip: withParameters(characters, (state, text, args) => strip(state, text, args, true, false)),
  rstrip: withParameters(characters, (state, text, args) => strip(state, text, args, false, true)),
  replace: withParameters({ names: ["old", "new", "count"], required: 2 }, replace),
  removeprefix: withParameters(affix, (_, text, [prefix]) => {
    const wanted = textArgument(prefix);
    return text.startsWith(wanted) ? text.slice(wanted.length) : text;
  }),
  removesuffix: withParameters(affix, (_, text, [suffix]) => {
    const wanted = textArgument(suffix);
    return wanted !== "" && text.endsWith(wanted) ? text.slice(0, -wanted.length) : text;
  }),
  join: withParameters({ names: ["iterable"], required: 1, byName: false }, join),
  translate: withParameters({ names: ["table"], required: 1, byName: false }, translate),
  maketrans: withParameters({ names: ["x", "y", "z"], required: 1, byName: false }, makeTranslation),
  format: (state, text, positional, named) => new BraceFormat(state, positional, named).format(text),
  format_map: withParameters({ names: ["mapping"], required: 1, byName: false }, (state, text, [mapping]) =>
    new BraceFormat(state, [], namesOf(mapping!)).format(text),
  ),
};

function namesOf(mapping: Value): ReadonlyMap<string, Value> {
  if (!(mapping instanceof PythonDict)) return noNames;
  return new Map(mapping.entries().filter((entry): entry is [string, Value] => typeof entry[0] === "string"));
}
