import type { Body, CallBlock, Generation, Macro, Signature } from "../parser/statements.js";
import { analyzeFunction } from "../scope/analyze.js";
import { FunctionLayout, type Reference } from "../scope/function-layout.js";
import { readNames } from "../scope/undeclared.js";
import { Undefined } from "../values/undefined.js";
import { callValue } from "./call.js";
import { type Evaluate, type Execute, Frame, normal } from "./frame.js";
import { MacroFunction, type MacroDefinition } from "./macro-function.js";
import { functionPlace, type Place } from "./place.js";
import type { StatementCompiler } from "./statement-compiler.js";
import { enterScope } from "./variables.js";

/** Macros, call blocks and what else is a function of the template. */
export class FunctionCompiler {
  readonly #statements: StatementCompiler;

  constructor(statements: StatementCompiler) {
    this.#statements = statements;
  }

  macro({ name, signature, body, offset }: Macro, place: Place): Execute {
    const create = this.#function(name, signature, body, offset, place);
    const { slot } = place.scope.find(name)!;
    const publish = this.#statements.publish([name], place);
    return (frame) => {
      frame.slots[slot] = create(frame);
      publish?.(frame);
      return normal;
    };
  }

  callBlock({ signature, call, body, offset }: CallBlock, place: Place): Execute {
    const create = this.#function(null, signature, body, offset, place);
    const callee = this.#statements.expression(call.callee, place);
    const { positional, named } = this.#statements.expressions.arguments(call, place);
    return (frame) => {
      const { state } = frame;
      state.meter.step(callee.weight);
      const caller = create(frame);
      const target = callee.evaluate(frame);
      const args = positional(frame);
      const names = new Map([...named(frame), ["caller", caller] as const]);
      state.offset = call.offset;
      state.print(callValue(state, target, args, names));
      return normal;
    };
  }

  /** transformers makes it a call block that writes its own body. */
  generation({ body }: Generation, place: Place): Execute {
    const layout = new FunctionLayout(place.scope.layout);
    const inner = functionPlace(place, layout);
    analyzeFunction(inner.scope, { parameters: [], defaults: [] }, body);
    const enter = enterScope(inner.scope);
    const execute = this.#statements.body(body, inner);
    return (frame) => {
      const own = new Frame(frame.state, layout.slotCount, frame);
      enter?.(own);
      return execute(own);
    };
  }

  #function(name: string | null, signature: Signature, body: Body, offset: number, place: Place): (frame: Frame) => MacroFunction {
    const layout = new FunctionLayout(place.scope.layout);
    const inner = functionPlace(place, layout);
    const { parameters, defaults } = signature;
    analyzeFunction(inner.scope, signature, body);
    const references: Reference[] = parameters.map((parameter) => inner.scope.find(parameter)!);
    const read = readNames(body, ["caller", "kwargs", "varargs"]);
    const explicitCaller = parameters.indexOf("caller");
    if (read.has("caller") && explicitCaller >= 0 && explicitCaller < parameters.length - defaults.length) {
      this.#statements.fail('The parameter "caller" of a macro or call block must have a default or be left out.', offset);
    }
    for (const special of ["caller", "kwargs", "varargs"]) {
      if (read.has(special) && !parameters.includes(special)) references.push(inner.scope.declareParameter(special));
    }
    const definition: MacroDefinition = {
      name,
      parameters,
      readsCaller: read.has("caller"),
      readsNamed: read.has("kwargs") && !parameters.includes("kwargs"),
      readsRest: read.has("varargs") && !parameters.includes("varargs"),
      explicitCaller: explicitCaller >= 0,
    };
    const fallbacks = parameters.map((parameter, index) => this.#fallback(parameter, defaults[index - parameters.length + defaults.length], inner));
    const enter = enterScope(inner.scope);
    const execute = this.#statements.body(body, inner);
    return (frame) =>
      new MacroFunction(definition, (state, args) => {
        const own = new Frame(state, layout.slotCount, frame);
        for (const [index, { slot }] of references.entries()) own.slots[slot] = args[index];
        return state.capture(() => {
          enter?.(own);
          for (const [index, fallback] of fallbacks.entries()) {
            const { slot } = references[index]!;
            if (own.slots[slot] === undefined) own.slots[slot] = fallback(own);
          }
          execute(own);
        });
      });
  }

  #fallback(parameter: string, value: Parameters<StatementCompiler["expression"]>[0] | undefined, place: Place): Evaluate {
    if (value === undefined) return () => Undefined.because(`parameter '${parameter}' was not provided`);
    const { evaluate, weight } = this.#statements.expression(value, place);
    return (frame) => {
      frame.state.meter.step(weight);
      return evaluate(frame);
    };
  }
}
