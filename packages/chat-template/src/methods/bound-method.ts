import type { RenderState } from "../compiler/render-state.js";
import { typeName } from "../operations/type-name.js";
import { DictView } from "../values/dict-view.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonCallable } from "../values/python-object.js";
import { PythonRange } from "../values/python-range.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { NamedArguments, Value } from "../values/value.js";
import { dictMethods, listMethods, rangeMethods, tupleMethods, viewMethods } from "./collection-methods.js";
import { markupMethods, onMarkup } from "./markup-methods.js";
import { isMutating } from "./mutating-methods.js";
import { floatMethods, integerMethods, numberAttribute } from "./number-methods.js";
import type { Callee } from "./parameters.js";
import { editMethods } from "./text-edit.js";
import { kindMethods } from "./text-kind.js";
import { layoutMethods } from "./text-layout.js";
import { searchMethods } from "./text-search.js";
import { splitMethods } from "./text-split.js";

type Table<Subject extends Value> = ReadonlyMap<string, Callee<Subject>>;

function table<Subject extends Value>(...methods: readonly Readonly<Record<string, Callee<Subject>>>[]): Table<Subject> {
  return new Map(methods.flatMap((group) => Object.entries(group)));
}

/** The methods of a str. What is not in these tables does not exist for templates. */
export const textMethods = table(searchMethods, splitMethods, layoutMethods, kindMethods, editMethods);
const ofMarkup = new Map([...[...textMethods].map(([name, method]) => [name, onMarkup(name, method)] as const), ...table(markupMethods)]);
const ofLists = table(listMethods);
const ofTuples = table(tupleMethods);
const ofRanges = table(rangeMethods);
const ofViews = table(viewMethods);
const ofIntegers = table(integerMethods);
const ofFloats = table(floatMethods);
const ofDicts = table(dictMethods);

/** A method with the value that it is called on. */
export class BoundMethod<Subject extends Value = Value> extends PythonCallable {
  readonly typeName = "builtin_function_or_method";

  constructor(
    readonly subject: Subject,
    readonly name: string,
    readonly method: Callee<Subject>,
  ) {
    super();
  }

  call(state: RenderState, positional: readonly Value[], named: NamedArguments): Value {
    return this.method(state, this.subject, positional, named);
  }

  represent(): string {
    return `<built-in method ${this.name} of ${typeName(this.subject)} object>`;
  }
}

/** A method or plain attribute of Python's own types; undefined where there is none of that name. */
export function boundMethod(value: Value, name: string): Value | undefined {
  if (typeof value === "string") return bind(value, name, textMethods);
  if (value instanceof PythonDict) return bind(value, name, ofDicts);
  if (value === null) return undefined;
  if (Array.isArray(value)) return bind<readonly Value[]>(value, name, ofLists);
  if (typeof value !== "object") return bind(value, name, ofIntegers) ?? numberAttribute(value, name);
  if (value instanceof Markup) return bind(value, name, ofMarkup);
  if (value instanceof PythonFloat) return bind(value, name, ofFloats) ?? numberAttribute(value, name);
  if (value instanceof PythonTuple) return bind(value, name, ofTuples);
  if (value instanceof PythonRange) return bind(value, name, ofRanges);
  return value instanceof DictView ? bind(value, name, ofViews) : undefined;
}

function bind<Subject extends Value>(subject: Subject, name: string, methods: Table<Subject>): Value | undefined {
  const method = methods.get(name);
  return method === undefined ? undefined : new BoundMethod(subject, name, method);
}

/** Whether a dict has a method of this name, which then hides a key. */
export function hidesKey(name: string): boolean {
  return ofDicts.has(name) || isMutating(emptyDict, name);
}

const emptyDict = new PythonDict();
