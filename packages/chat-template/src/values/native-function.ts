import type { RenderState } from "../compiler/render-state.js";
import { PythonCallable } from "./python-object.js";
import type { NamedArguments, Value } from "./value.js";

type Body = (state: RenderState, positional: readonly Value[], named: NamedArguments) => Value;

/** A function or type of Python's or jinja2's that templates can call. */
export class NativeFunction extends PythonCallable {
  constructor(
    readonly name: string,
    readonly body: Body,
    readonly typeName = "builtin_function_or_method",
    readonly description = `<built-in method ${name}>`,
  ) {
    super();
  }

  /** A class, which prints as one. */
  static type(name: string, qualifiedName: string, body: Body): NativeFunction {
    return new NativeFunction(name, body, "type", `<class '${qualifiedName}'>`);
  }

  call(state: RenderState, positional: readonly Value[], named: NamedArguments): Value {
    return this.body(state, positional, named);
  }

  represent(): string {
    return this.description;
  }
}
