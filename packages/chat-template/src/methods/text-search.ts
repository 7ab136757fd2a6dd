import type { RenderState } from "../compiler/render-state.js";
import { codePointIndex, codePointLength, codeUnitIndex } from "../text/code-points.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { type Arguments, type Callee, integerArgument, textArgument, typeError, valueError, withParameters } from "./parameters.js";

/** The part of a text that `start` and `end` name, and where it begins, in code points. */
function window(text: string, from: Value | undefined, to: Value | undefined): { part: string; start: number } | undefined {
  if ((from ?? null) === null && (to ?? null) === null) return { part: text, start: 0 };
  const length = codePointLength(text);
  const clamp = (value: Value | undefined, usual: number) => {
    if (value === undefined || value === null) return usual;
    const index = integerArgument(value);
    return Math.max(0, index < 0 ? index + length : index);
  };
  const start = clamp(from, 0);
  const end = Math.min(length, clamp(to, length));
  if (start > end) return undefined;
  return { part: text.slice(codeUnitIndex(text, start), codeUnitIndex(text, end)), start };
}

/** Code point index of a text in another, -1 when it is not there. */
function find(state: RenderState, text: string, [wanted, from, to]: Arguments, last: boolean): number {
  state.meter.scanText(text.length);
  const found = window(text, from, to);
  if (found === undefined) return -1;
  const search = textArgument(wanted);
  const unit = last ? found.part.lastIndexOf(search) : found.part.indexOf(search);
  return unit < 0 ? -1 : found.start + codePointIndex(found.part, unit);
}

function index(state: RenderState, text: string, args: Arguments, last: boolean): number {
  const found = find(state, text, args, last);
  if (found < 0) throw valueError("substring not found");
  return found;
}

function count(state: RenderState, text: string, [wanted, from, to]: Arguments): number {
  state.meter.scanText(text.length);
  const found = window(text, from, to);
  if (found === undefined) return 0;
  const search = textArgument(wanted);
  if (search === "") return codePointLength(found.part) + 1;
  let times = 0;
  for (let at = found.part.indexOf(search); at >= 0; at = found.part.indexOf(search, at + search.length)) times++;
  return times;
}

function affix(text: string, [wanted, from, to]: Arguments, matches: (part: string, affix: string) => boolean): boolean {
  if (typeof wanted !== "string" && !(wanted instanceof PythonTuple) && Array.isArray(wanted)) {
    throw typeError("first arg must be str or a tuple of str, not list");
  }
  const affixes = wanted instanceof PythonTuple ? wanted.items.map(textArgument) : [textArgument(wanted)];
  const found = window(text, from, to);
  return found !== undefined && affixes.some((one) => matches(found.part, one));
}

const place = { names: ["sub", "start", "end"], required: 1, byName: false };

/** Methods that look for a text in another. */
export const searchMethods: Readonly<Record<string, Callee<string>>> = {
  find: withParameters(place, (state, text, args) => find(state, text, args, false)),
  rfind: withParameters(place, (state, text, args) => find(state, text, args, true)),
  index: withParameters(place, (state, text, args) => index(state, text, args, false)),
  rindex: withParameters(place, (state, text, args) => index(state, text, args, true)),
  count: withParameters(place, count),
  startswith: withParameters(place, (_, text, args) => affix(text, args, (part, prefix) => part.startsWith(prefix))),
  endswith: withParameters(place, (_, text, args) => affix(text, args, (part, suffix) => part.endsWith(suffix))),
};
