import { calculate, negate } from "../operations/arithmetic.js";
import { equals } from "../operations/equality.js";
import { contains } from "../operations/membership.js";
import { isOrdered } from "../operations/ordering.js";
import { isTruthy } from "../operations/truth.js";
import type { Arithmetic, Compare, CompareOperator, Expression, Unary } from "../parser/expressions.js";
import { Markup } from "../values/markup.js";
import type { Value } from "../values/value.js";
import type { Evaluate } from "./frame.js";
import type { RenderState } from "./render-state.js";

export function compileArithmetic({ operator, offset }: Arithmetic, left: Evaluate, right: Evaluate): Evaluate {
  if (operator !== "+") {
    return (frame) => {
      const a = left(frame);
      const b = right(frame);
      frame.state.offset = offset;
      return calculate(frame.state, operator, a, b);
    };
  }
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    const { state } = frame;
    if (typeof a === "string" && typeof b === "string") {
      state.meter.joinTexts(a.length, b.length);
      return a + b;
    }
    state.offset = offset;
    return calculate(state, "+", a, b);
  };
}

export function compileLogical(kind: "and" | "or", left: Evaluate, right: Evaluate): Evaluate {
  return kind === "and"
    ? (frame) => {
        const value = left(frame);
        return isTruthy(value) ? right(frame) : value;
      }
    : (frame) => {
        const value = left(frame);
        return isTruthy(value) ? value : right(frame);
      };
}

export function compileUnary({ kind, offset }: Unary, operand: Evaluate): Evaluate {
  if (kind === "not") return (frame) => !isTruthy(operand(frame));
  return (frame) => {
    const value = operand(frame);
    frame.state.offset = offset;
    return negate(value, kind);
  };
}

type Comparison = (state: RenderState, left: Value, right: Value) => boolean;

function comparison(operator: CompareOperator): Comparison {
  switch (operator) {
    case "==":
      return (state, left, right) => equals(state.meter, left, right);
    case "!=":
      return (state, left, right) => !equals(state.meter, left, right);
    case "in":
      return (state, left, right) => contains(state, right, left);
    case "not in":
      return (state, left, right) => !contains(state, right, left);
    default:
      return (state, left, right) => isOrdered(state.meter, operator, left, right);
  }
}

export function compileCompare({ first, rest, offset }: Compare, compile: (node: Expression) => Evaluate): Evaluate {
  const left = compile(first);
  const steps = rest.map(({ operator, operand }) => ({ compare: comparison(operator), operand: compile(operand) }));
  const [only, ...more] = steps;
  if (more.length === 0) {
    const { compare, operand } = only!;
    return (frame) => {
      const a = left(frame);
      const b = operand(frame);
      frame.state.offset = offset;
      return compare(frame.state, a, b);
    };
  }
  return (frame) => {
    let a = left(frame);
    return steps.every(({ compare, operand }) => {
      const b = operand(frame);
      frame.state.offset = offset;
      const holds = compare(frame.state, a, b);
      a = b;
      return holds;
    });
  };
}

/** `~`: the texts of all values. */
export function compileConcatenation(items: readonly Evaluate[]): Evaluate {
  return (frame) => {
    const { state } = frame;
    const values = items.map((item) => item(frame));
    if (state.autoescape && values.some((value) => value instanceof Markup)) {
      return new Markup(joined(state, values, (value) => state.escaped(value)));
    }
    return joined(state, values, (value) => state.printer.text(value));
  };
}

function joined(state: RenderState, values: readonly Value[], text: (value: Value) => string): string {
  let result = "";
  for (const value of values) {
    const part = text(value);
    state.meter.joinTexts(result.length, part.length);
    result += part;
  }
  return result;
}
