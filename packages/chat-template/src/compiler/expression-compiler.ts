import { positionOf } from "../errors/source-position.js";
import { TemplateLimitError } from "../errors/template-limit-error.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { TemplateSyntaxError } from "../errors/template-syntax-error.js";
import { hidesKey, textMethods } from "../methods/bound-method.js";
import type { Callee } from "../methods/parameters.js";
import { getAttribute } from "../operations/attributes.js";
import { getItem, getSlice } from "../operations/subscript.js";
import { isTruthy } from "../operations/truth.js";
import type { Attribute, Call, Conditional, Expression, Filter, Item, Slice, Test } from "../parser/expressions.js";
import { hashText } from "../values/hash-key.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import { type CompiledArguments, compileArguments } from "./arguments.js";
import { callValue } from "./call.js";
import type { Evaluate } from "./frame.js";
import { compileArithmetic, compileCompare, compileConcatenation, compileLogical, compileUnary } from "./operators.js";
import { type Place, softPlace } from "./place.js";
import type { Language } from "./render-state.js";
import { readVariable } from "./variables.js";

/** Expressions of a template as closures. */
export class ExpressionCompiler {
  /** Expressions compiled so far: what a statement weighs is counted by it. */
  count = 0;
  readonly #source: string;
  readonly #language: Pick<Language, "filters" | "tests">;
  readonly #maximumDepth: number;
  #depth = 0;

  /** @param nesting allowed in the source; chains of operators may be four times as deep */
  constructor(source: string, language: Pick<Language, "filters" | "tests">, nesting: number) {
    this.#source = source;
    this.#language = language;
    this.#maximumDepth = 4 * nesting;
  }

  compile(node: Expression, place: Place): Evaluate {
    this.count++;
    if (++this.#depth > this.#maximumDepth) {
      throw new TemplateLimitError("nesting", "An expression of the template has too many operators.", { position: positionOf(this.#source, node.offset) });
    }
    const evaluate = this.#compile(node, place);
    this.#depth--;
    return evaluate;
  }

  #compile(node: Expression, place: Place): Evaluate {
    const compile = (child: Expression) => this.compile(child, place);
    switch (node.kind) {
      case "constant": {
        const { value } = node;
        return () => value;
      }
      case "name":
        return readVariable(place.scope, node.name);
      case "tuple": {
        const items = node.items.map(compile);
        return (frame) => (frame.state.meter.makeList(items.length), new PythonTuple(items.map((item) => item(frame))));
      }
      case "list": {
        const items = node.items.map(compile);
        return (frame) => (frame.state.meter.makeList(items.length), items.map((item) => item(frame)));
      }
      case "dict": {
        const entries = node.entries.map(([key, value]) => [compile(key), compile(value)] as const);
        return (frame) => {
          frame.state.meter.makeList(8 * entries.length);
          frame.state.offset = node.offset;
          return PythonDict.of(entries.map(([key, value]) => [key(frame), value(frame)] as const));
        };
      }
      case "conditional":
        return this.#conditional(node, softPlace(place));
      case "arithmetic":
        return compileArithmetic(node, compile(node.left), compile(node.right));
      case "and":
      case "or":
        return compileLogical(node.kind, compile(node.left), compile(node.right));
      case "not":
      case "-":
      case "+":
        return compileUnary(node, compile(node.operand));
      case "compare":
        return compileCompare(node, compile);
      case "concatenation":
        return compileConcatenation(node.items.map(compile));
      case "attribute":
        return this.#attribute(node, place);
      case "item":
        return this.#item(node, place);
      case "slice":
        // Several keys of which one is a slice: no type of Python's own takes them.
        return () => Undefined.because("a slice among several keys");
      case "call":
        return this.#call(node, place);
      case "filter":
        return this.filter(node, place);
      case "test":
        return this.#test(node, place);
    }
  }

  arguments(node: Call | Filter | Test, place: Place): CompiledArguments {
    return compileArguments(node.args, (child) => this.compile(child, place));
  }

  #conditional({ test, whenTrue: then, otherwise }: Conditional, place: Place): Evaluate {
    const condition = this.compile(test, place);
    const whenTrue = this.compile(then, place);
    const missing = () => Undefined.because("the inline if-expression evaluated to false and no else section was defined.");
    const whenFalse = otherwise === undefined ? missing : this.compile(otherwise, place);
    return (frame) => (isTruthy(condition(frame)) ? whenTrue(frame) : whenFalse(frame));
  }

  #attribute({ target, name, offset }: Attribute, place: Place): Evaluate {
    const read = this.compile(target, place);
    const key = hashText(name) === name && !hidesKey(name) ? name : undefined;
    return (frame) => {
      const owner = read(frame);
      if (key !== undefined && owner instanceof PythonDict) {
        const value = owner.getText(key);
        if (value !== undefined) return value;
      }
      frame.state.offset = offset;
      return getAttribute(frame.state, owner, name);
    };
  }

  #item({ target, key, offset }: Item, place: Place): Evaluate {
    const read = this.compile(target, place);
    if (key.kind === "slice") return this.#slice(read, key, place);
    const readKey = this.compile(key, place);
    return (frame) => {
      const owner = read(frame);
      const index = readKey(frame);
      if (typeof index === "string" && owner instanceof PythonDict) {
        const value = owner.getText(index);
        if (value !== undefined) return value;
      }
      frame.state.offset = offset;
      return getItem(frame.state, owner, index);
    };
  }

  #slice(read: Evaluate, { start, stop, step, offset }: Slice, place: Place): Evaluate {
    const bound = (node: Expression | undefined): Evaluate => (node === undefined ? () => null : this.compile(node, place));
    const [from, to, by] = [bound(start), bound(stop), bound(step)];
    return (frame) => {
      const value = read(frame);
      const bounds = [from(frame), to(frame), by(frame)] as const;
      frame.state.offset = offset;
      return getSlice(frame.state, value, bounds);
    };
  }

  #call(node: Call, place: Place): Evaluate {
    const { callee, offset } = node;
    const { positional, named } = this.arguments(node, place);
    if (callee.kind !== "attribute") {
      const read = this.compile(callee, place);
      return (frame) => {
        const target = read(frame);
        const args = positional(frame);
        const names = named(frame);
        frame.state.offset = offset;
        return callValue(frame.state, target, args, names);
      };
    }
    const read = this.compile(callee.target, place);
    const { name } = callee;
    // The most frequent call by far: a method of a str, which needs no object of its own.
    const method = name.startsWith("_") ? undefined : textMethods.get(name);
    return (frame) => {
      const { state } = frame;
      const owner = read(frame);
      if (method !== undefined && typeof owner === "string") {
        const args = positional(frame);
        const names = named(frame);
        state.offset = offset;
        return method(state, owner, args, names);
      }
      state.offset = callee.offset;
      const target = getAttribute(state, owner, name);
      const args = positional(frame);
      const names = named(frame);
      state.offset = offset;
      return callValue(state, target, args, names);
    };
  }

  /** @param text what the innermost filter of a block takes */
  filter(node: Filter, place: Place, text?: Evaluate): Evaluate {
    const { target, offset } = node;
    const inner = target === undefined ? text! : target.kind === "filter" && text !== undefined ? this.filter(target, place, text) : this.compile(target, place);
    const callee = this.#lookUp("filter", node.name, offset, place);
    return this.#apply(callee, inner, node, place);
  }

  #test(node: Test, place: Place): Evaluate {
    const callee = this.#lookUp("test", node.name, node.offset, place);
    const read = this.compile(node.target, place);
    const plain = node.args.positional.length + node.args.named.length === 0 && node.args.spread === undefined && node.args.namedSpread === undefined;
    if (plain && node.name === "defined") return (frame) => !(read(frame) instanceof Undefined);
    if (plain && node.name === "none") return (frame) => read(frame) === null;
    const test = this.#apply(callee, read, node, place);
    return (frame) => isTruthy(test(frame));
  }

  #apply(callee: Callee, read: Evaluate, node: Filter | Test, place: Place): Evaluate {
    const { positional, named } = this.arguments(node, place);
    const { offset } = node;
    return (frame) => {
      const value = read(frame);
      const args = positional(frame);
      const names = named(frame);
      frame.state.offset = offset;
      return callee(frame.state, value, args, names);
    };
  }

  #lookUp(kind: "filter" | "test", name: string, offset: number, place: Place): Callee {
    const callee = this.#language[`${kind}s`].get(name);
    if (callee !== undefined) return callee;
    const message = `No ${kind} named '${name}'.`;
    if (!place.soft) throw new TemplateSyntaxError(message, { position: positionOf(this.#source, offset) });
    return () => {
      throw new TemplateRuntimeError("TemplateRuntimeError", message);
    };
  }
}
