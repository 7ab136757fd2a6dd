import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { PythonCallable } from "../values/python-object.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import { given, type NamedArguments, type Value } from "../values/value.js";
import type { RenderState } from "./render-state.js";

/** What a macro takes besides its parameters, which depends on what its body reads. */
export interface MacroDefinition {
  /** Null for the body of a call block. */
  readonly name: string | null;
  readonly parameters: readonly string[];
  readonly readsCaller: boolean;
  readonly readsNamed: boolean;
  readonly readsRest: boolean;
  /** Whether `caller` is one of the parameters. */
  readonly explicitCaller: boolean;
}

/** Runs a macro's body. Arguments are in the order of parameters, caller, kwargs, varargs; undefined takes the default. */
export type MacroBody = (state: RenderState, args: readonly (Value | undefined)[]) => string;

/** A macro, or the body of a call block. */
export class MacroFunction extends PythonCallable {
  readonly typeName = "Macro";

  constructor(
    readonly definition: MacroDefinition,
    readonly body: MacroBody,
  ) {
    super();
  }

  call(state: RenderState, positional: readonly Value[], named: NamedArguments): Value {
    const args = this.#bind(positional, named);
    state.meter.enterCall();
    const text = this.body(state, args);
    state.meter.leaveCall();
    return state.markIfEscaping(text);
  }

  #bind(positional: readonly Value[], named: NamedArguments): (Value | undefined)[] {
    const { parameters, readsCaller, readsNamed, readsRest, explicitCaller } = this.definition;
    if (named.size === 0 && !readsCaller && !readsNamed && !readsRest && positional.length <= parameters.length) return [...positional];
    const rest = new Map(named);
    const args: (Value | undefined)[] = positional.slice(0, parameters.length);
    let foundCaller = args.length === parameters.length && explicitCaller;
    for (const name of parameters.slice(args.length)) {
      args.push(rest.get(name));
      rest.delete(name);
      if (name === "caller") foundCaller = true;
    }
    if (readsCaller && !foundCaller) {
      args.push(given(rest.get("caller"), Undefined.because("No caller defined")));
      rest.delete("caller");
    }
    if (readsNamed) args.push(PythonDict.of(rest));
    else if (rest.size > 0) this.#refuseNamed([...rest.keys()][0]!, rest.has("caller"));
    if (readsRest) args.push(new PythonTuple(positional.slice(parameters.length)));
    else if (positional.length > parameters.length) this.#refuse(`takes not more than ${parameters.length} argument(s)`);
    return args;
  }

  #refuseNamed(name: string, caller: boolean): never {
    if (caller) this.#refuse("was invoked with two values for the special caller argument. This is most likely a bug.");
    this.#refuse(`takes no keyword argument '${name}'`);
  }

  #refuse(what: string): never {
    throw new TemplateRuntimeError("TypeError", `macro ${this.definition.name === null ? "None" : `'${this.definition.name}'`} ${what}`);
  }

  override attribute(name: string): Value | undefined {
    const { definition } = this;
    switch (name) {
      case "name":
        return definition.name;
      case "arguments":
        return new PythonTuple(definition.parameters);
      case "catch_kwargs":
        return definition.readsNamed;
      case "catch_varargs":
        return definition.readsRest;
      case "caller":
        return definition.readsCaller;
      case "explicit_caller":
        return definition.explicitCaller;
      default:
        return undefined;
    }
  }

  represent(): string {
    return this.definition.name === null ? "<Macro anonymous>" : `<Macro '${this.definition.name}'>`;
  }
}
