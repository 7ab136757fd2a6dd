import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { equals } from "../operations/equality.js";
import { elements } from "../operations/iteration.js";
import { DictView } from "../values/dict-view.js";
import { PythonDict } from "../values/python-dict.js";
import type { PythonRange } from "../values/python-range.js";
import type { PythonTuple } from "../values/python-tuple.js";
import { given, type Value } from "../values/value.js";
import { type Arguments, type Callee, integerArgument, valueError, withParameters } from "./parameters.js";

const wanted = { names: ["value"], required: 1, byName: false };
const nothing = { names: [] };

function count(state: RenderState, items: readonly Value[], value: Value): number {
  state.meter.step(items.length);
  return items.filter((item) => item === value || equals(state.meter, item, value)).length;
}

function index(state: RenderState, items: readonly Value[], [value, from, to]: Arguments): number {
  state.meter.step(items.length);
  const clamp = (bound: Value | undefined, usual: number) => {
    const place = bound === undefined ? usual : integerArgument(bound);
    return Math.max(0, place < 0 ? place + items.length : place);
  };
  const end = Math.min(items.length, clamp(to, items.length));
  for (let at = clamp(from, 0); at < end; at++) if (items[at] === value || equals(state.meter, items[at]!, value!)) return at;
  throw valueError(`${state.printer.representation(value!)} is not in list`);
}

const place = { names: ["value", "start", "stop"], required: 1, byName: false };

export const listMethods: Readonly<Record<string, Callee<readonly Value[]>>> = {
  count: withParameters(wanted, (state, list, [value]) => count(state, list, value!)),
  index: withParameters(place, (state, list: readonly Value[], args) => index(state, list, args)),
  copy: withParameters(nothing, (state, list) => {
    state.meter.makeList(list.length);
    return [...list];
  }),
};

export const tupleMethods: Readonly<Record<string, Callee<PythonTuple>>> = {
  count: withParameters(wanted, (state, tuple, [value]) => count(state, tuple.items, value!)),
  index: withParameters(place, (state, tuple: PythonTuple, args) => index(state, tuple.items, args)),
};

export const rangeMethods: Readonly<Record<string, Callee<PythonRange>>> = {
  count: withParameters(wanted, (_, range, [value]) => (typeof value === "number" && range.includes(value) ? 1 : 0)),
  index: withParameters(wanted, (_, range, [value]) => {
    if (typeof value !== "number" || !range.includes(value)) throw valueError("the number is not in range");
    return (value - range.start) / range.step;
  }),
};

export const dictMethods: Readonly<Record<string, Callee<PythonDict>>> = {
  get: withParameters({ names: ["key", "default"], required: 1, byName: false }, (_, dict, [key, otherwise]) => given(dict.get(key!), given(otherwise, null))),
  keys: withParameters(nothing, (_, dict) => new DictView(dict, "keys")),
  values: withParameters(nothing, (_, dict) => new DictView(dict, "values")),
  items: withParameters(nothing, (_, dict) => new DictView(dict, "items")),
  copy: withParameters(nothing, (state, dict) => {
    state.meter.makeList(8 * dict.count);
    return dict.copy();
  }),
  fromkeys: withParameters({ names: ["iterable", "value"], required: 1, byName: false }, (state, _, [keys, value]) =>
    PythonDict.of(elements(state, keys!).map((key) => [key, value ?? null] as const)),
  ),
};

export const viewMethods: Readonly<Record<string, Callee<DictView>>> = {
  isdisjoint: withParameters({ names: ["other"], required: 1, byName: false }, (state, view, [other]) => {
    if (view.kind === "values") throw new TemplateRuntimeError("TypeError", "dict_values has no isdisjoint");
    const mine = view.elements();
    return elements(state, other!).every((item) => count(state, mine, item) === 0);
  }),
};
