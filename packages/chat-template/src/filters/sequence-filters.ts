import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { type Arguments, type Callee, integerArgument, textArgument, typeError, withParameters } from "../methods/parameters.js";
import { calculate } from "../operations/arithmetic.js";
import { elements, iterate, iterateIfPossible, through } from "../operations/iteration.js";
import { isOrdered, sortBy } from "../operations/ordering.js";
import { equals } from "../operations/equality.js";
import { isTruthy } from "../operations/truth.js";
import { typeName } from "../operations/type-name.js";
import { codePoints } from "../text/code-points.js";
import { DictView } from "../values/dict-view.js";
import { hashKey } from "../values/hash-key.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonIterator } from "../values/python-iterator.js";
import { PythonObject } from "../values/python-object.js";
import { GroupTuple, PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import { given, type Value } from "../values/value.js";
import { attributeGetter, attributesGetter, ignoreCase } from "./attribute-getter.js";
import { filterArgumentError } from "./filter-argument-error.js";

function first(state: RenderState, value: Value): Value {
  const next = iterate(state, value).next();
  return next.done === true ? Undefined.because("No first item, sequence was empty.") : next.value;
}

/** What Python's `reversed` goes through; undefined for what it refuses. */
function reversible(state: RenderState, value: Value): readonly Value[] | undefined {
  const backwards = value instanceof PythonObject && (!value.isSubscriptable || value.size() === undefined) && !(value instanceof DictView);
  return backwards || iterateIfPossible(state, value) === undefined ? undefined : elements(state, value).toReversed();
}

function last(state: RenderState, value: Value): Value {
  if (Array.isArray(value) && value.length > 0) return value.at(-1) as Value;
  const items = reversible(state, value);
  if (items === undefined) throw typeError(`'${typeName(value)}' object is not reversible`);
  return given(items[0], Undefined.because("No last item, sequence was empty."));
}

function reverse(state: RenderState, value: Value): Value {
  if (typeof value === "string" || value instanceof Markup) {
    const text = typeof value === "string" ? value : value.value;
    state.meter.makeText(16 * text.length);
    const turned = codePoints(text).toReversed().join("");
    return typeof value === "string" ? turned : new Markup(turned);
  }
  const items = reversible(state, value);
  if (items !== undefined) return new PythonIterator(items.values(), "reverse_iterator");
  if (iterateIfPossible(state, value) === undefined) throw filterArgumentError("argument must be iterable");
  return elements(state, value).toReversed();
}

function random(state: RenderState, value: Value): Value {
  if (value instanceof PythonDict || (value instanceof PythonObject && !value.isSubscriptable)) throw typeError(`'${typeName(value)}' object is not subscriptable`);
  const items = elements(state, value);
  return given(items[Math.floor(Math.random() * items.length)], Undefined.because("No random item, sequence was empty."));
}

function extreme(operator: "<" | ">"): Callee {
  return withParameters({ names: ["case_sensitive", "attribute"] }, (state, value, [caseSensitive, attribute]) => {
    const key = attributeGetter(state, attribute, { caseSensitive: isTruthy(caseSensitive ?? false) });
    let best: { item: Value; key: Value } | undefined;
    for (const item of through(state, value)) {
      const candidate = { item, key: key(item) };
      if (best === undefined || isOrdered(state.meter, operator, candidate.key, best.key)) best = candidate;
    }
    return best === undefined ? Undefined.because("No aggregated item, sequence was empty.") : best.item;
  });
}

function* unique(state: RenderState, value: Value, [caseSensitive, attribute]: Arguments): Generator<Value> {
  const key = attributeGetter(state, attribute, { caseSensitive: isTruthy(caseSensitive ?? false) });
  const seen = new Set();
  for (const item of through(state, value)) {
    const hash = hashKey(key(item));
    if (seen.has(hash)) continue;
    state.meter.makeList(1);
    seen.add(hash);
    yield item;
  }
}

function* batch(state: RenderState, value: Value, [size, fill]: Arguments): Generator<Value> {
  const count = integerArgument(size!);
  let row: Value[] = [];
  for (const item of through(state, value)) {
    if (row.length === count) {
      yield row;
      row = [];
    }
    row.push(item);
  }
  if (row.length === 0) return;
  const missing = Math.max(0, (fill ?? null) === null ? 0 : count - row.length);
  state.meter.makeList(missing);
  yield [...row, ...Array.from({ length: missing }, () => fill!)];
}

function* slices(state: RenderState, value: Value, [number, fill]: Arguments): Generator<Value> {
  const items = elements(state, value);
  const count = integerArgument(number!);
  if (count === 0) throw new TemplateRuntimeError("ZeroDivisionError", "integer division or modulo by zero");
  const size = Math.floor(items.length / count);
  const longer = ((items.length % count) + count) % count;
  let start = 0;
  for (let index = 0; index < count; index++) {
    state.meter.makeList(1);
    const end = start + size + (index < longer ? 1 : 0);
    const slice = items.slice(start, end);
    yield (fill ?? null) !== null && index >= longer ? [...slice, fill!] : slice;
    start = end;
  }
}

function groupBy(state: RenderState, value: Value, [attribute, fallback, sensitive]: Arguments): Value {
  const options = { caseSensitive: isTruthy(sensitive ?? false), fallback: fallback ?? null };
  const key = attributeGetter(state, attribute, options);
  const label = attributeGetter(state, attribute, { ...options, caseSensitive: true });
  const groups: Value[][] = [];
  let current: Value = null;
  for (const item of sortBy(state.meter, elements(state, value), key, false)) {
    const itemKey = key(item);
    if (groups.length === 0 || !equals(state.meter, itemKey, current)) groups.push([]);
    groups.at(-1)!.push(item);
    current = itemKey;
  }
  return groups.map((items) => new GroupTuple(label(items[0]!), items));
}

function sum(state: RenderState, value: Value, [attribute, start]: Arguments): Value {
  const read = attributeGetter(state, attribute);
  if (typeof start === "string") throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
  let total = given(start, 0);
  for (const item of through(state, value)) total = calculate(state, "+", total, read(item));
  return total;
}

function join(state: RenderState, value: Value, [separator, attribute]: Arguments): Value {
  const read = attributeGetter(state, attribute);
  const values = elements(state, value).map(read);
  state.meter.step(values.length);
  if (state.autoescape) {
    const between = state.escaped(given(separator, ""));
    return new Markup(measured(state, values.map((item) => state.escaped(item)), between));
  }
  return measured(state, values.map((item) => state.printer.text(item)), state.printer.text(given(separator, "")));
}

function measured(state: RenderState, texts: readonly string[], separator: string): string {
  let length = separator.length * texts.length;
  for (const text of texts) length += text.length;
  state.meter.makeText(length);
  return texts.join(separator);
}

function dictSort(state: RenderState, value: Value, [caseSensitive, by, reversed]: Arguments): Value {
  if (!(value instanceof PythonDict)) throw typeError(`dictsort wants a dict, not ${typeName(value)}`);
  const kind = by === undefined ? "key" : textArgument(by);
  if (kind !== "key" && kind !== "value") throw filterArgumentError('You can only sort by either "key" or "value"');
  const key = ([name, element]: readonly [Value, Value]) => {
    const chosen = kind === "key" ? name : element;
    return isTruthy(caseSensitive ?? false) ? chosen : ignoreCase(chosen);
  };
  return sortBy(state.meter, value.entries(), key, isTruthy(reversed ?? false)).map((entry) => new PythonTuple(entry));
}

function* items(value: Value): Generator<Value> {
  if (value instanceof Undefined) return;
  if (!(value instanceof PythonDict)) throw typeError("Can only get item pairs from a mapping.");
  yield* new DictView(value, "items").elements();
}

const nothing = { names: [] };
const aboutAttribute = { names: ["case_sensitive", "attribute"] };

/** Filters over sequences and mappings. */
export const sequenceFilters: Readonly<Record<string, Callee>> = {
  first: withParameters(nothing, first),
  last: withParameters(nothing, last),
  reverse: withParameters(nothing, reverse),
  random: withParameters(nothing, random),
  list: withParameters(nothing, (state, value) => elements(state, value)),
  min: extreme("<"),
  max: extreme(">"),
  sum: withParameters({ names: ["attribute", "start"] }, sum),
  sort: withParameters({ names: ["reverse", "case_sensitive", "attribute"] }, (state, value, [reversed, sensitive, attribute]) =>
    sortBy(state.meter, elements(state, value), attributesGetter(state, attribute, isTruthy(sensitive ?? false)), isTruthy(reversed ?? false)),
  ),
  unique: withParameters(aboutAttribute, (state, value, args) => new PythonIterator(unique(state, value, args))),
  batch: withParameters({ names: ["linecount", "fill_with"], required: 1 }, (state, value, args) => new PythonIterator(batch(state, value, args))),
  slice: withParameters({ names: ["slices", "fill_with"], required: 1 }, (state, value, args) => new PythonIterator(slices(state, value, args))),
  groupby: withParameters({ names: ["attribute", "default", "case_sensitive"], required: 1 }, groupBy),
  join: withParameters({ names: ["d", "attribute"] }, join),
  dictsort: withParameters({ names: ["case_sensitive", "by", "reverse"] }, dictSort),
  items: withParameters(nothing, (_, value) => new PythonIterator(items(value))),
};
