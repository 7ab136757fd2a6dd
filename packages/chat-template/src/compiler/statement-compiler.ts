import { positionOf } from "../errors/source-position.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { TemplateSyntaxError } from "../errors/template-syntax-error.js";
import { isTruthy } from "../operations/truth.js";
import type { Expression } from "../parser/expressions.js";
import type { Assign, AssignBlock, Autoescape, Body, FilterBlock, If, OtherTemplate, Output, Statement, With } from "../parser/statements.js";
import { analyzeBody, analyzeExpression, analyzeTarget } from "../scope/analyze.js";
import { targetNames } from "../scope/undeclared.js";
import { BlockCompiler } from "./block-compiler.js";
import type { ExpressionCompiler } from "./expression-compiler.js";
import { breaks, continues, type Evaluate, type Execute, type Frame, normal } from "./frame.js";
import { FunctionCompiler } from "./function-compiler.js";
import { LoopCompiler } from "./loop-compiler.js";
import { innerPlace, type Place, softPlace } from "./place.js";
import { assignTo, enterScope, leaveScope, readSlot } from "./variables.js";

/** Statements of a template as closures. */
export class StatementCompiler {
  readonly expressions: ExpressionCompiler;
  readonly blocks: BlockCompiler;
  readonly #source: string;
  readonly #loops: LoopCompiler;
  readonly #functions: FunctionCompiler;

  constructor(source: string, expressions: ExpressionCompiler) {
    this.#source = source;
    this.expressions = expressions;
    this.blocks = new BlockCompiler(this);
    this.#loops = new LoopCompiler(this);
    this.#functions = new FunctionCompiler(this);
  }

  /** One after the other, up to one that leaves a loop. */
  body(body: Body, place: Place): Execute {
    const statements = body.map((statement) => this.#statement(statement, place));
    const [first, second] = statements;
    if (first === undefined) return () => normal;
    if (second === undefined) return first;
    return (frame) => {
      for (const execute of statements) {
        const completion = execute(frame);
        if (completion !== normal) return completion;
      }
      return normal;
    };
  }

  /** An expression, and what evaluating it weighs. */
  expression(node: Expression, place: Place): { evaluate: Evaluate; weight: number } {
    const before = this.expressions.count;
    const evaluate = this.expressions.compile(node, place);
    return { evaluate, weight: this.expressions.count - before };
  }

  fail(message: string, offset: number): never {
    throw new TemplateSyntaxError(message, { position: positionOf(this.#source, offset) });
  }

  #statement(statement: Statement, place: Place): Execute {
    switch (statement.kind) {
      case "text":
        return this.#text(statement.text);
      case "output":
        return this.#output(statement, place);
      case "if":
        return this.#if(statement, place);
      case "for":
        return this.#loops.compile(statement, place);
      case "macro":
        return this.#functions.macro(statement, place);
      case "call block":
        return this.#functions.callBlock(statement, place);
      case "generation":
        return this.#functions.generation(statement, place);
      case "assign":
        return this.#assign(statement, place);
      case "assign block":
        return this.#assignBlock(statement, place);
      case "filter block":
        return this.#filterBlock(statement, place);
      case "with":
        return this.#with(statement, place);
      case "autoescape":
        return this.#autoescape(statement, place);
      case "block":
        return this.blocks.compile(statement, place);
      case "other template":
        return this.#otherTemplate(statement, place);
      case "break":
      case "continue": {
        if (!place.inLoop) this.fail(`'${statement.kind}' outside loop`, statement.offset);
        const completion = statement.kind === "break" ? breaks : continues;
        return () => completion;
      }
    }
  }

  #text(text: string): Execute {
    return (frame) => {
      const { state } = frame;
      if (--state.meter.fuel < 0) state.meter.refuel();
      state.write(text);
      return normal;
    };
  }

  #output({ expressions, offset }: Output, place: Place): Execute {
    const parts = expressions.map((node) => this.expression(node, place));
    const weight = parts.reduce((sum, part) => sum + part.weight, 1);
    const [first, second] = parts;
    if (first !== undefined && second === undefined) {
      const { evaluate } = first;
      return (frame) => {
        const { state } = frame;
        if ((state.meter.fuel -= weight) < 0) state.meter.refuel();
        const value = evaluate(frame);
        state.offset = offset;
        state.print(value);
        return normal;
      };
    }
    return (frame) => {
      frame.state.meter.step(weight);
      for (const { evaluate } of parts) frame.state.print(evaluate(frame));
      return normal;
    };
  }

  #if({ branches, otherwise }: If, place: Place): Execute {
    const soft = softPlace(place);
    const compiled = branches.map(({ test, body }) => ({ ...this.expression(test, soft), body: this.body(body, soft) }));
    const last = this.body(otherwise, soft);
    return (frame) => {
      const { meter } = frame.state;
      for (const { evaluate, weight, body } of compiled) {
        if ((meter.fuel -= weight) < 0) meter.refuel();
        if (isTruthy(evaluate(frame))) return body(frame);
      }
      return last(frame);
    };
  }

  #assign({ target, value, offset }: Assign, place: Place): Execute {
    const { evaluate, weight } = this.expression(value, place);
    const assign = assignTo(place.scope, target);
    const publish = this.publish(targetNames(target), place);
    return (frame) => {
      const { state } = frame;
      if ((state.meter.fuel -= weight) < 0) state.meter.refuel();
      const result = evaluate(frame);
      state.offset = offset;
      assign(frame, result);
      publish?.(frame);
      return normal;
    };
  }

  /** Makes what is set at the top level a variable of the context. */
  publish(names: readonly string[], place: Place): ((frame: Frame) => void) | undefined {
    if (!place.topLevel || names.length === 0) return undefined;
    const variables = names.map((name) => ({ name, read: readSlot(place.scope.find(name)!, place.scope.layout) }));
    return (frame) => {
      for (const { name, read } of variables) {
        const value = read(frame);
        if (value !== undefined) frame.state.exportVariable(name, value);
      }
    };
  }

  /** A body whose text is taken instead of written. Undefined when it leaves the loop around it. */
  captured(body: Body, place: Place): (frame: Frame) => { text: string; completion: 0 | 1 | 2 } {
    const enter = enterScope(place.scope);
    const execute = this.body(body, place);
    return (frame) => {
      let completion: 0 | 1 | 2 = normal;
      const text = frame.state.capture(() => {
        enter?.(frame);
        completion = execute(frame);
      });
      return { text, completion };
    };
  }

  #assignBlock({ target, filter, body, offset }: AssignBlock, place: Place): Execute {
    const inner = innerPlace(place);
    analyzeBody(inner.scope, body);
    // jinja2 does not look into the filter when it decides on variables: what it reads comes from where they are known.
    if (filter !== undefined) analyzeExpression(inner.scope, filter);
    const capture = this.captured(body, inner);
    const assign = assignTo(place.scope, target);
    const publish = this.publish(targetNames(target), place);
    const text = inner.scope.layout.reference(inner.scope.level, "text of the block");
    const filtered = filter === undefined ? undefined : this.expressions.filter(filter, inner, (frame) => frame.slots[text.slot]!);
    const leave = leaveScope(inner.scope);
    return (frame) => {
      const { text: written, completion } = capture(frame);
      if (completion !== normal) return completion;
      let value = frame.state.markIfEscaping(written);
      if (filtered !== undefined) {
        frame.slots[text.slot] = value;
        value = filtered(frame);
        if (typeof value === "string") value = frame.state.markIfEscaping(value);
      }
      frame.state.offset = offset;
      assign(frame, value);
      publish?.(frame);
      leave(frame);
      return normal;
    };
  }

  #filterBlock({ filter, body, offset }: FilterBlock, place: Place): Execute {
    const inner = innerPlace(place);
    analyzeBody(inner.scope, body);
    analyzeExpression(inner.scope, filter);
    const capture = this.captured(body, inner);
    const text = inner.scope.layout.reference(inner.scope.level, "text of the block");
    const filtered = this.expressions.filter(filter, inner, (frame) => frame.slots[text.slot]!);
    const leave = leaveScope(inner.scope);
    return (frame) => {
      const { text: written, completion } = capture(frame);
      if (completion !== normal) return completion;
      frame.slots[text.slot] = frame.state.markIfEscaping(written);
      const value = filtered(frame);
      frame.state.offset = offset;
      frame.state.print(value);
      leave(frame);
      return normal;
    };
  }

  #with({ bindings, body }: With, place: Place): Execute {
    const inner = innerPlace(place);
    for (const { target } of bindings) analyzeTarget(inner.scope, target, true);
    analyzeBody(inner.scope, body);
    const enter = enterScope(inner.scope);
    const values = bindings.map(({ target, value }) => ({ ...this.expression(value, place), assign: assignTo(inner.scope, target) }));
    const execute = this.body(body, inner);
    const leave = leaveScope(inner.scope);
    return (frame) => {
      enter?.(frame);
      for (const { evaluate, weight, assign } of values) {
        frame.state.meter.step(weight);
        assign(frame, evaluate(frame));
      }
      const completion = execute(frame);
      leave(frame);
      return completion;
    };
  }

  #autoescape({ enabled, body }: Autoescape, place: Place): Execute {
    const inner = innerPlace(place);
    analyzeExpression(inner.scope, enabled);
    analyzeBody(inner.scope, body);
    const enter = enterScope(inner.scope);
    const { evaluate } = this.expression(enabled, inner);
    const execute = this.body(body, inner);
    const leave = leaveScope(inner.scope);
    return (frame) => {
      const { state } = frame;
      const before = state.autoescape;
      enter?.(frame);
      state.autoescape = isTruthy(evaluate(frame));
      const completion = execute(frame);
      state.autoescape = before;
      leave(frame);
      return completion;
    };
  }

  #otherTemplate({ tag, template, offset }: OtherTemplate, place: Place): Execute {
    const { evaluate } = this.expression(template, place);
    return (frame) => {
      evaluate(frame);
      frame.state.offset = offset;
      throw new TemplateRuntimeError("TypeError", `The tag '${tag}' needs another template, and there is no loader for templates.`, {
        hint: "Put what it takes from the other template into this one.",
      });
    };
  }
}
