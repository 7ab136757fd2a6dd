import type { RenderState } from "../compiler/render-state.js";
import { through } from "../operations/iteration.js";
import { isTruthy } from "../operations/truth.js";
import { PythonIterator } from "../values/python-iterator.js";
import type { NamedArguments, Value } from "../values/value.js";
import type { Callee } from "../methods/parameters.js";
import { attributeGetter, type Getter } from "./attribute-getter.js";
import { callFilter, callTest } from "./call-by-name.js";
import { filterArgumentError } from "./filter-argument-error.js";

/** What `map` does to each element: reads an attribute, or applies a filter by its name. */
function mapping(state: RenderState, positional: readonly Value[], named: NamedArguments): Getter {
  if (positional.length === 0 && named.has("attribute")) {
    for (const name of named.keys()) {
      if (name !== "attribute" && name !== "default") throw filterArgumentError(`Unexpected keyword argument '${name}'`);
    }
    return attributeGetter(state, named.get("attribute"), { fallback: named.get("default") ?? null });
  }
  const [name, ...rest] = positional;
  if (name === undefined) throw filterArgumentError("map requires a filter argument");
  return (item) => callFilter(state, name, item, rest, named);
}

/** What `select` and its like ask of each element: a test by its name, else whether it is true. */
function selection(state: RenderState, positional: readonly Value[], named: NamedArguments, byAttribute: boolean): (item: Value) => boolean {
  const [attribute] = positional;
  if (byAttribute && attribute === undefined) throw filterArgumentError("Missing parameter for attribute name");
  const read: Getter = byAttribute ? attributeGetter(state, attribute) : (item) => item;
  const [name, ...rest] = byAttribute ? positional.slice(1) : positional;
  if (name === undefined) return (item) => isTruthy(read(item));
  return (item) => isTruthy(callTest(state, name, read(item), rest, named));
}

function select(keep: boolean, byAttribute: boolean): Callee {
  return (state, value, positional, named) => new PythonIterator(selected(state, value, positional, named, keep, byAttribute));
}

function* selected(
  state: RenderState,
  value: Value,
  positional: readonly Value[],
  named: NamedArguments,
  keep: boolean,
  byAttribute: boolean,
): Generator<Value> {
  if (!isTruthy(value)) return;
  const holds = selection(state, positional, named, byAttribute);
  for (const item of through(state, value)) if (holds(item) === keep) yield item;
}

function* mapped(state: RenderState, value: Value, positional: readonly Value[], named: NamedArguments): Generator<Value> {
  if (!isTruthy(value)) return;
  const change = mapping(state, positional, named);
  for (const item of through(state, value)) yield change(item);
}

/** Filters that go through a sequence lazily, as Python's generators do. */
export const selectingFilters: Readonly<Record<string, Callee>> = {
  map: (state, value, positional, named) => new PythonIterator(mapped(state, value, positional, named)),
  select: select(true, false),
  reject: select(false, false),
  selectattr: select(true, true),
  rejectattr: select(false, true),
};
