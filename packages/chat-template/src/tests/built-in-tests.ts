import type { RenderState } from "../compiler/render-state.js";
import { type Callee, withParameters } from "../methods/parameters.js";
import { calculate } from "../operations/arithmetic.js";
import { equals, isSame } from "../operations/equality.js";
import { contains } from "../operations/membership.js";
import { isInteger, isNumber } from "../operations/numbers.js";
import { iterateIfPossible } from "../operations/iteration.js";
import { isOrdered, type OrderOperator } from "../operations/ordering.js";
import { sizeIfAny } from "../operations/size.js";
import { isLower, isUpper } from "../text/letter-case.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonCallable, PythonObject } from "../values/python-object.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";

function property(holds: (value: Value, state: RenderState) => boolean): Callee {
  return withParameters({ names: [] }, (state, value) => holds(value, state));
}

function comparison(holds: (state: RenderState, value: Value, other: Value) => boolean): Callee {
  return withParameters({ names: ["other"], required: 1 }, (state, value, [other]) => holds(state, value, other!));
}

const equal = comparison((state, value, other) => equals(state.meter, value, other));
const different = comparison((state, value, other) => !equals(state.meter, value, other));
const ordered = (operator: OrderOperator) => comparison((state, value, other) => isOrdered(state.meter, operator, value, other));
const [less, lessOrEqual, greater, greaterOrEqual] = [ordered("<"), ordered("<="), ordered(">"), ordered(">=")];

function hasRest(state: RenderState, value: Value, divisor: Value, rest: number): boolean {
  return equals(state.meter, calculate(state, "%", value, divisor), rest);
}

function isSequence(value: Value, state: RenderState): boolean {
  if (value instanceof PythonObject && !value.isSubscriptable) return false;
  return sizeIfAny(state.meter, value) !== undefined;
}

/** Every test that jinja2 has built in. */
export const builtInTests: ReadonlyMap<string, Callee> = new Map(
  Object.entries<Callee>({
    odd: property((value, state) => hasRest(state, value, 2, 1)),
    even: property((value, state) => hasRest(state, value, 2, 0)),
    divisibleby: comparison((state, value, divisor) => hasRest(state, value, divisor, 0)),
    defined: property((value) => !(value instanceof Undefined)),
    undefined: property((value) => value instanceof Undefined),
    filter: property((value, state) => typeof value === "string" && state.language.filters.has(value)),
    test: property((value, state) => typeof value === "string" && state.language.tests.has(value)),
    none: property((value) => value === null),
    boolean: property((value) => typeof value === "boolean"),
    true: property((value) => value === true),
    false: property((value) => value === false),
    integer: property((value) => isInteger(value) && typeof value !== "boolean"),
    float: property((value) => value instanceof PythonFloat),
    number: property((value) => isNumber(value)),
    string: property((value) => typeof value === "string" || value instanceof Markup),
    mapping: property((value) => value instanceof PythonDict),
    sequence: property(isSequence),
    iterable: property((value, state) => iterateIfPossible(state, value) !== undefined),
    callable: property((value) => value instanceof PythonCallable || value instanceof Undefined),
    lower: property((value, state) => isLower(state.printer.text(value))),
    upper: property((value, state) => isUpper(state.printer.text(value))),
    escaped: property((value) => value instanceof Markup),
    sameas: comparison((_, value, other) => isSame(value, other)),
    in: comparison((state, value, container) => contains(state, container, value)),
    "==": equal,
    eq: equal,
    equalto: equal,
    "!=": different,
    ne: different,
    "<": less,
    lt: less,
    lessthan: less,
    "<=": lessOrEqual,
    le: lessOrEqual,
    ">": greater,
    gt: greater,
    greaterthan: greater,
    ">=": greaterOrEqual,
    ge: greaterOrEqual,
  }),
);
