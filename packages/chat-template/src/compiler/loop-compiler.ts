import { elements, iterate } from "../operations/iteration.js";
import { sizeIfAny } from "../operations/size.js";
import { isTruthy } from "../operations/truth.js";
import type { Expression } from "../parser/expressions.js";
import type { For } from "../parser/statements.js";
import { analyzeBody, analyzeExpression, analyzeTarget } from "../scope/analyze.js";
import { FunctionLayout } from "../scope/function-layout.js";
import { readNames, someStatement, targetNames } from "../scope/undeclared.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { breaks, type Completion, type Execute, Frame, normal } from "./frame.js";
import { LoopContext, type Recurse } from "./loop-context.js";
import { functionPlace, innerPlace, type Place } from "./place.js";
import type { StatementCompiler } from "./statement-compiler.js";
import { type Assign, assignTo, enterScope, leaveScope } from "./variables.js";

/** Selects what a loop goes through; lazily, since the body may change what the test reads. */
type Selection = (frame: Frame, values: Iterator<Value>) => Iterator<Value>;

/** Everything of a loop but what it goes through. */
interface LoopParts {
  readonly assign: Assign;
  readonly enter: ((frame: Frame) => void) | undefined;
  readonly body: Execute;
  readonly leave: (frame: Frame) => void;
  readonly otherwise: Execute | undefined;
  readonly select: Selection | undefined;
  /** The slot of `loop`; undefined when nothing reads it. */
  readonly loopSlot: number | undefined;
}

type RunLoop = (frame: Frame, iterable: Value, recurse: Recurse | undefined, depth: number) => Completion;

/** `{% for %}` as a closure. */
export class LoopCompiler {
  readonly #statements: StatementCompiler;

  constructor(statements: StatementCompiler) {
    this.#statements = statements;
  }

  compile(node: For, place: Place): Execute {
    if (targetNames(node.target).includes("loop") || someStatement(node.body, (inner) => (inner.kind === "for" || inner.kind === "assign" || inner.kind === "assign block") && targetNames(inner.target).includes("loop"))) {
      this.#statements.fail("Can't assign to special loop variable in for-loop target", node.offset);
    }
    const { evaluate, weight } = this.#statements.expression(node.iterable, place);
    if (node.recursive) return this.#recursive(node, place, evaluate);
    const run = runLoop(this.#parts(node, innerPlace(place), innerPlace(place), place));
    return (frame) => {
      const { state } = frame;
      state.meter.step(weight);
      const iterable = evaluate(frame);
      state.offset = node.offset;
      return run(frame, iterable, undefined, 0);
    };
  }

  /** A recursive loop is a function of its own, which `loop(...)` calls again. */
  #recursive(node: For, place: Place, evaluate: (frame: Frame) => Value): Execute {
    const layout = new FunctionLayout(place.scope.layout);
    const outer = functionPlace(place, layout);
    const loopPlace = { ...functionPlace(place, layout) };
    const run = runLoop(this.#parts(node, loopPlace, outer, functionPlace(place, layout)));
    return (frame) => {
      const { state } = frame;
      const iterable = evaluate(frame);
      state.offset = node.offset;
      const recurse: Recurse = (_, values, depth) => {
        state.meter.enterCall();
        const text = state.capture(() => run(new Frame(state, layout.slotCount, frame), values, recurse, depth));
        state.meter.leaveCall();
        return state.markIfEscaping(text);
      };
      state.print(recurse(state, iterable, 0));
      return normal;
    };
  }

  /** @param loopPlace of the body @param elsePlace of the `else` @param around where the loop's function begins */
  #parts(node: For, loopPlace: Place, elsePlace: Place, around: Place): LoopParts {
    const { scope } = loopPlace;
    const isExtended = node.recursive || readNames(node.body, ["loop"]).size > 0 || someStatement(node.body, (inner) => inner.kind === "block" && inner.scoped);
    const loopSlot = isExtended ? scope.declareParameter("loop").slot : undefined;
    analyzeTarget(scope, node.target, true);
    analyzeBody(scope, node.body);
    const select = node.test === undefined ? undefined : this.#selection(node, node.test, around);
    return {
      assign: assignTo(scope, node.target),
      body: this.#statements.body(node.body, { ...loopPlace, inLoop: true }),
      // After the body, whose inner scopes do not change this one's variables.
      enter: enterScope(scope),
      leave: leaveScope(scope),
      otherwise: this.#otherwise(node, elsePlace),
      select,
      loopSlot,
    };
  }

  #otherwise({ otherwise }: For, place: Place): Execute | undefined {
    if (otherwise === undefined) return undefined;
    analyzeBody(place.scope, otherwise);
    const enter = enterScope(place.scope);
    const body = this.#statements.body(otherwise, place);
    const leave = leaveScope(place.scope);
    return (frame) => {
      enter?.(frame);
      const completion = body(frame);
      leave(frame);
      return completion;
    };
  }

  /** The test has a frame of its own: looking ahead must not change the variables of the body. */
  #selection({ target }: For, test: Expression, place: Place): Selection {
    const layout = new FunctionLayout(place.scope.layout);
    const inner = functionPlace(place, layout);
    analyzeTarget(inner.scope, target, true);
    analyzeExpression(inner.scope, test);
    const { evaluate, weight } = this.#statements.expression(test, inner);
    const assign = assignTo(inner.scope, target);
    const enter = enterScope(inner.scope);
    return (frame, values) => {
      const own = new Frame(frame.state, layout.slotCount, frame);
      enter?.(own);
      const next = (): IteratorResult<Value> => {
        for (;;) {
          const result = values.next();
          if (result.done === true) return result;
          frame.state.meter.step(weight + 1);
          assign(own, result.value);
          if (isTruthy(evaluate(own))) return result;
        }
      };
      return { next };
    };
  }
}

function runLoop(parts: LoopParts): RunLoop {
  const { assign, enter, body, leave, otherwise, select, loopSlot } = parts;
  const step = (frame: Frame, value: Value): Completion => {
    const { meter } = frame.state;
    if (--meter.fuel < 0) meter.refuel();
    assign(frame, value);
    enter?.(frame);
    return body(frame);
  };
  return (frame, iterable, recurse, depth) => {
    // As in jinja2, an iteration counts only when it comes to its end: not after `continue` or `break`.
    let isEmpty = true;
    const { state } = frame;
    if (loopSlot === undefined && select === undefined && (Array.isArray(iterable) || iterable instanceof PythonTuple)) {
      for (const value of elements(state, iterable)) {
        const completion = step(frame, value);
        if (completion === normal) isEmpty = false;
        else if (completion === breaks) break;
      }
    } else {
      const all = iterate(state, iterable);
      const values = select === undefined ? all : select(frame, all);
      const loop = new LoopContext(values, select === undefined ? sizeIfAny(state.meter, iterable) : undefined, recurse, depth);
      for (let value = loop.advance(); value !== undefined; value = loop.advance()) {
        if (loopSlot !== undefined) frame.slots[loopSlot] = loop;
        const completion = step(frame, value);
        if (completion === normal) isEmpty = false;
        else if (completion === breaks) break;
      }
    }
    leave(frame);
    return isEmpty && otherwise !== undefined ? otherwise(frame) : normal;
  };
}
