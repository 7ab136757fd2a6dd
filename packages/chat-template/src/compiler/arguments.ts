import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { elements } from "../operations/iteration.js";
import { typeName } from "../operations/type-name.js";
import type { CallArguments, Expression } from "../parser/expressions.js";
import { PythonDict } from "../values/python-dict.js";
import { type NamedArguments, noNames, type Value } from "../values/value.js";
import type { Evaluate, Frame } from "./frame.js";

/** Evaluates the arguments of a call. */
export interface CompiledArguments {
  readonly positional: (frame: Frame) => readonly Value[];
  readonly named: (frame: Frame) => NamedArguments;
}

const none: readonly Value[] = [];

export function compileArguments(args: CallArguments, compile: (node: Expression) => Evaluate): CompiledArguments {
  return { positional: compilePositional(args, compile), named: compileNamed(args, compile) };
}

function compilePositional({ positional, spread }: CallArguments, compile: (node: Expression) => Evaluate): CompiledArguments["positional"] {
  const values = positional.map(compile);
  const rest = spread === undefined ? undefined : compile(spread);
  if (rest !== undefined) return (frame) => [...values.map((value) => value(frame)), ...elements(frame.state, rest(frame))];
  const [first, second] = values;
  if (first === undefined) return () => none;
  if (second === undefined) return (frame) => [first(frame)];
  return (frame) => values.map((value) => value(frame));
}

function compileNamed({ named, namedSpread }: CallArguments, compile: (node: Expression) => Evaluate): CompiledArguments["named"] {
  const values = named.map(({ name, value }) => [name, compile(value)] as const);
  const rest = namedSpread === undefined ? undefined : compile(namedSpread);
  if (values.length === 0 && rest === undefined) return () => noNames;
  return (frame) => {
    const result = new Map(values.map(([name, value]) => [name, value(frame)] as const));
    if (rest !== undefined) addSpread(result, rest(frame));
    return result;
  };
}

function addSpread(names: Map<string, Value>, value: Value): void {
  if (!(value instanceof PythonDict)) throw new TemplateRuntimeError("TypeError", `argument after ** must be a mapping, not ${typeName(value)}`);
  for (const [name, item] of value.entries()) {
    if (typeof name !== "string") throw new TemplateRuntimeError("TypeError", "keywords must be strings");
    if (names.has(name)) throw new TemplateRuntimeError("TypeError", `got multiple values for keyword argument '${name}'`);
    names.set(name, item);
  }
}
