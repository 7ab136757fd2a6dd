import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { typeName } from "../operations/type-name.js";
import { Markup } from "../values/markup.js";
import { Undefined } from "../values/undefined.js";
import type { NamedArguments, Value } from "../values/value.js";

/** Something that is called on a subject: a method on its object, a filter or test on its value. */
export type Callee<Subject extends Value = Value> = (
  state: RenderState,
  subject: Subject,
  positional: readonly Value[],
  named: NamedArguments,
) => Value;

/** Arguments in the order of the parameters; undefined for those that were left out. */
export type Arguments = readonly (Value | undefined)[];

export interface Parameters {
  readonly names: readonly string[];
  /** How many of them must be given; default none. */
  readonly required?: number;
  /** Whether they can be given by name, as most methods of Python's own types do not allow; default true. */
  readonly byName?: boolean;
}

/** A callee with Python's rules for parameters. */
export function withParameters<Subject extends Value>(
  { names, required = 0, byName = true }: Parameters,
  body: (state: RenderState, subject: Subject, args: Arguments) => Value,
): Callee<Subject> {
  return (state, subject, positional, named) => {
    if (named.size === 0 && positional.length >= required && positional.length <= names.length) return body(state, subject, positional);
    return body(state, subject, bind(names, required, byName, positional, named));
  };
}

function bind(names: readonly string[], required: number, byName: boolean, positional: readonly Value[], named: NamedArguments): Arguments {
  if (positional.length > names.length) throw typeError(`expected at most ${names.length} arguments, got ${positional.length}`);
  if (named.size > 0 && !byName) throw typeError("takes no keyword arguments");
  const bound: (Value | undefined)[] = [...positional];
  for (const [name, value] of named) {
    const index = names.indexOf(name);
    if (index < 0) throw typeError(`got an unexpected keyword argument '${name}'`);
    if (bound[index] !== undefined) throw typeError(`got multiple values for argument '${name}'`);
    bound[index] = value;
  }
  for (let index = 0; index < required; index++) {
    if (bound[index] === undefined) throw typeError(`missing the argument '${names[index]}'`);
  }
  return bound;
}

export function typeError(message: string): TemplateRuntimeError {
  return new TemplateRuntimeError("TypeError", message);
}

export function valueError(message: string): TemplateRuntimeError {
  return new TemplateRuntimeError("ValueError", message);
}

/** An argument that must be a str. */
export function textArgument(value: Value | undefined): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.value;
  throw typeError(`expected a str, not ${value === undefined ? "nothing" : typeName(value)}`);
}

/** An argument that must be an int; beyond the exact ones the largest stands for it. */
export function integerArgument(value: Value): number {
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  if (typeof value === "bigint") return value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  if (value instanceof Undefined) throw value.error();
  throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}
