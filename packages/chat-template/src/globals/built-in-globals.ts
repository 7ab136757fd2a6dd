import type { RenderState } from "../compiler/render-state.js";
import { TemplateLimitError } from "../errors/template-limit-error.js";
import { TemplateRaisedError } from "../errors/template-raised-error.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { integerArgument, textArgument, typeError, valueError } from "../methods/parameters.js";
import { elements } from "../operations/iteration.js";
import { formatTime } from "../text/strftime.js";
import { Namespace } from "../values/namespace.js";
import { NativeFunction } from "../values/native-function.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonRange } from "../values/python-range.js";
import { given, type NamedArguments, type Value } from "../values/value.js";
import { Cycler } from "./cycler.js";
import { Joiner } from "./joiner.js";

/** Python's `dict(mapping or pairs, **named)`. */
function makeDict(state: RenderState, positional: readonly Value[], named: NamedArguments): PythonDict {
  const [source, ...more] = positional;
  if (more.length > 0) throw typeError(`dict expected at most 1 argument, got ${positional.length}`);
  const dict = source === undefined ? new PythonDict() : source instanceof PythonDict ? source.copy() : dictOfPairs(state, source);
  for (const [name, value] of named) dict.set(name, value);
  state.meter.makeList(8 * dict.count);
  return dict;
}

function dictOfPairs(state: RenderState, source: Value): PythonDict {
  return PythonDict.of(
    elements(state, source).map((pair) => {
      const entry = elements(state, pair);
      if (entry.length !== 2) throw valueError(`a dict is made of pairs, not of ${entry.length} values`);
      return entry as [Value, Value];
    }),
  );
}

function makeRange(state: RenderState, positional: readonly Value[], named: NamedArguments): PythonRange {
  if (named.size > 0) throw typeError("range() takes no keyword arguments");
  if (positional.length < 1 || positional.length > 3) throw typeError(`range expected 1 to 3 arguments, got ${positional.length}`);
  const [first, second, third] = positional.map(integerArgument) as [number, number?, number?];
  if (third === 0) throw valueError("range() arg 3 must not be zero");
  const range = second === undefined ? new PythonRange(0, first, 1) : new PythonRange(first, second, third ?? 1);
  const { rangeLength } = state.meter.limits;
  if (range.length > rangeLength) throw new TemplateLimitError("rangeLength", `A range of ${range.length} numbers is longer than ${rangeLength}.`);
  return range;
}

function raise(state: RenderState, positional: readonly Value[], named: NamedArguments): never {
  const message = positional.length > 0 ? positional[0] : named.get("message");
  if (message === undefined || positional.length + named.size > 1) throw typeError("raise_exception() takes exactly one argument");
  throw new TemplateRaisedError(state.printer.text(message));
}

function formatNow(state: RenderState, positional: readonly Value[], named: NamedArguments): string {
  const format = textArgument(positional.length > 0 ? positional[0] : named.get("format"));
  // One directive becomes at most a date with names.
  state.meter.allocate(24 * format.length);
  return formatTime(state.now(), format);
}

function refuseLipsum(): never {
  throw new TemplateRuntimeError("NotImplementedError", "lipsum() is not supported: it writes random text.", { hint: "Write the text into the template." });
}

/** The names that jinja2 and transformers give to every template. */
export const builtInGlobals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["range", NativeFunction.type("range", "range", makeRange)],
  ["dict", NativeFunction.type("dict", "dict", makeDict)],
  ["namespace", NativeFunction.type("namespace", "jinja2.utils.Namespace", (state, positional, named) => new Namespace(makeDict(state, positional, named)))],
  ["cycler", NativeFunction.type("cycler", "jinja2.utils.Cycler", (_, positional) => new Cycler(positional))],
  ["joiner", NativeFunction.type("joiner", "jinja2.utils.Joiner", (_, [separator], named) => new Joiner(given(separator, given(named.get("sep"), ", "))))],
  ["lipsum", new NativeFunction("lipsum", refuseLipsum, "function")],
  ["raise_exception", new NativeFunction("raise_exception", raise, "function")],
  ["strftime_now", new NativeFunction("strftime_now", formatNow, "function")],
]);
