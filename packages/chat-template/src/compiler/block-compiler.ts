import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import type { Block, Body } from "../parser/statements.js";
import { analyzeBody } from "../scope/analyze.js";
import { FunctionLayout } from "../scope/function-layout.js";
import { Scope } from "../scope/scope.js";
import { readNames } from "../scope/undeclared.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";
import { type BlockFunction, SelfReference } from "./blocks.js";
import { type Execute, Frame, normal } from "./frame.js";
import type { Place } from "./place.js";
import type { StatementCompiler } from "./statement-compiler.js";
import { enterScope, readSlot } from "./variables.js";

/** `{% block %}`: a function of the template that sees the context, and where it is scoped also the place around it. */
export class BlockCompiler {
  readonly functions = new Map<string, BlockFunction>();
  readonly #statements: StatementCompiler;

  constructor(statements: StatementCompiler) {
    this.#statements = statements;
  }

  compile({ name, scoped, required, body, offset }: Block, place: Place): Execute {
    if (this.functions.has(name)) this.#statements.fail(`block '${name}' defined twice`, offset);
    // Known before its body is compiled, so that a block of the same name within it is refused.
    this.functions.set(name, () => {});
    const block = this.#function(name, body);
    this.functions.set(name, block);
    const locals = scoped ? localVariables(place.scope) : undefined;
    return (frame) => {
      const { state } = frame;
      state.offset = offset;
      if (required) throw new TemplateRuntimeError("TemplateRuntimeError", `Required block '${name}' not found`);
      if (locals === undefined) block(state);
      else state.withLocals(locals(frame), () => block(state));
      return normal;
    };
  }

  #function(name: string, body: Body): BlockFunction {
    const layout = new FunctionLayout(undefined);
    const scope = new Scope(layout);
    const { enter, execute } = this.root(body, scope, false, name);
    return (state) => {
      state.meter.enterCall();
      const frame = new Frame(state, layout.slotCount);
      enter(frame);
      execute(frame);
      state.meter.leaveCall();
    };
  }

  /** The body of a block or of the whole template, with `self` and `super` where it reads them. */
  root(body: Body, scope: Scope, topLevel: boolean, block?: string): { enter: (frame: Frame) => void; execute: Execute } {
    const read = readNames(body, ["self", "super"]);
    const self = read.has("self") ? scope.declareParameter("self").slot : undefined;
    const above = block !== undefined && read.has("super") ? scope.declareParameter("super").slot : undefined;
    analyzeBody(scope, body);
    const enter = enterScope(scope);
    const execute = this.#statements.body(body, { scope, topLevel, soft: false, inLoop: false });
    return {
      enter: (frame) => {
        if (self !== undefined) frame.slots[self] = new SelfReference();
        if (above !== undefined) frame.slots[above] = Undefined.because(`there is no parent block called '${block}'.`);
        enter?.(frame);
      },
      execute,
    };
  }
}

/** The variables that are set in a scope and around it, down to the template's own. */
function localVariables(scope: Scope): (frame: Frame) => ReadonlyMap<string, Value> {
  const names = new Set<string>();
  for (let around: Scope | undefined = scope; around !== undefined; around = around.parent) for (const name of around.stores) names.add(name);
  const variables = [...names].map((name) => ({ name, read: readSlot(scope.find(name)!, scope.layout) }));
  return (frame) => {
    const locals = new Map<string, Value>();
    for (const { name, read } of variables) {
      const value = read(frame);
      if (value !== undefined) locals.set(name, value);
    }
    return locals;
  };
}
