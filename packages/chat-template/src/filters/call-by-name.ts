import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { Markup } from "../values/markup.js";
import type { NamedArguments, Value } from "../values/value.js";
import type { Callee } from "../methods/parameters.js";

/** A filter whose name is a value of the template's. */
export function callFilter(state: RenderState, name: Value, value: Value, positional: readonly Value[], named: NamedArguments): Value {
  return lookUp(state.language.filters, name, "filter")(state, value, positional, named);
}

/** A test whose name is a value of the template's. */
export function callTest(state: RenderState, name: Value, value: Value, positional: readonly Value[], named: NamedArguments): Value {
  return lookUp(state.language.tests, name, "test")(state, value, positional, named);
}

function lookUp(table: ReadonlyMap<string, Callee>, name: Value, kind: string): Callee {
  const text = name instanceof Markup ? name.value : name;
  const callee = typeof text === "string" ? table.get(text) : undefined;
  if (callee === undefined) throw new TemplateRuntimeError("TemplateRuntimeError", `No ${kind} named ${typeof text === "string" ? `'${text}'` : "like that"}.`);
  return callee;
}
