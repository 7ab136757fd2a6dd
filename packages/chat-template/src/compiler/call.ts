import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { typeName } from "../operations/type-name.js";
import { PythonCallable } from "../values/python-object.js";
import { Undefined } from "../values/undefined.js";
import type { NamedArguments, Value } from "../values/value.js";
import type { RenderState } from "./render-state.js";

/** Calls what a template calls. @throws TemplateRuntimeError for what is no callable */
export function callValue(state: RenderState, callee: Value, positional: readonly Value[], named: NamedArguments): Value {
  if (callee instanceof PythonCallable) return callee.call(state, positional, named);
  if (callee instanceof Undefined) throw callee.error();
  throw new TemplateRuntimeError("TypeError", `'${typeName(callee)}' object is not callable`);
}
