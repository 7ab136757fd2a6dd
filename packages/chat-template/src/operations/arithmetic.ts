import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { escapeHtml } from "../text/html.js";
import { percentFormat } from "../text/percent-format.js";
import { Markup } from "../values/markup.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";
import { checkBits, integer, isInteger, isNumber, roughBits, toBigInt, toFloat } from "./numbers.js";
import { typeName } from "./type-name.js";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** Python's arithmetic, also of texts and lists. */
export function calculate(state: RenderState, operator: ArithmeticOperator, left: Value, right: Value): Value {
  if (operator === "%" && (typeof left === "string" || left instanceof Markup)) return formatText(state, left, right);
  if (isNumber(left) && isNumber(right)) return calculateNumbers(state, operator, left, right);
  if (operator === "+") {
    const joined = add(state, left, right);
    if (joined !== undefined) return joined;
  } else if (operator === "*") {
    if (isInteger(right)) {
      const repeated = repeat(state, left, right);
      if (repeated !== undefined) return repeated;
    } else if (isInteger(left)) {
      const repeated = repeat(state, right, left);
      if (repeated !== undefined) return repeated;
    }
  }
  for (const side of [left, right]) if (side instanceof Undefined) throw side.error();
  throw new TemplateRuntimeError("TypeError", message(operator, left, right));
}

function message(operator: ArithmeticOperator, left: Value, right: Value): string {
  const [a, b] = [typeName(left), typeName(right)];
  if (operator === "+" && (a === "str" || a === "list" || a === "tuple")) return `can only concatenate ${a} (not "${b}") to ${a}`;
  return `unsupported operand type(s) for ${operator === "**" ? "** or pow()" : operator}: '${a}' and '${b}'`;
}

function add(state: RenderState, left: Value, right: Value): Value | undefined {
  if (typeof left === "string" && typeof right === "string") {
    state.meter.joinTexts(left.length, right.length);
    return left + right;
  }
  if (left instanceof Markup || right instanceof Markup) {
    const [a, b] = [left, right].map((side) => (side instanceof Markup ? side.value : typeof side === "string" ? escapeHtml(side) : undefined));
    if (a === undefined || b === undefined) return undefined;
    state.meter.makeText(a.length + b.length);
    return new Markup(a + b);
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    state.meter.makeList(left.length + right.length);
    return (left as readonly Value[]).concat(right as readonly Value[]);
  }
  if (left instanceof PythonTuple && right instanceof PythonTuple) {
    state.meter.makeList(left.items.length + right.items.length);
    return new PythonTuple(left.items.concat(right.items));
  }
  return undefined;
}

function repeat(state: RenderState, value: Value, times: number | bigint | boolean): Value | undefined {
  const count = Math.max(0, Number(times));
  if (typeof value === "string" || value instanceof Markup) {
    const text = typeof value === "string" ? value : value.value;
    state.meter.makeText(text.length * count);
    // An infinite count has been refused above unless the text is empty.
    const repeated = text === "" ? "" : text.repeat(count);
    return typeof value === "string" ? repeated : new Markup(repeated);
  }
  const items = Array.isArray(value) ? (value as readonly Value[]) : value instanceof PythonTuple ? value.items : undefined;
  if (items === undefined) return undefined;
  state.meter.makeList(items.length * count);
  const repeated: Value[] = [];
  if (items.length > 0) for (let index = 0; index < count; index++) for (const item of items) repeated.push(item);
  return Array.isArray(value) ? repeated : new PythonTuple(repeated);
}

function formatText(state: RenderState, template: string | Markup, values: Value): Value {
  if (typeof template === "string") return percentFormat(state, template, values);
  const safe = percentFormat(state, template.value, values, (value) =>
    value instanceof Markup ? value.value : escapeHtml(state.printer.text(value)),
  );
  return new Markup(safe);
}

type PythonNumber = number | bigint | boolean | PythonFloat;

function calculateNumbers(state: RenderState, operator: ArithmeticOperator, left: PythonNumber, right: PythonNumber): Value {
  if (left instanceof PythonFloat || right instanceof PythonFloat || operator === "/") return calculateFloats(operator, toFloat(left), toFloat(right));
  if (typeof left === "number" && typeof right === "number" && operator !== "**") {
    const quick = calculateSmall(operator, left, right);
    if (Number.isSafeInteger(quick)) return quick;
  }
  return calculateIntegers(state, operator, toBigInt(left), toBigInt(right));
}

function zeroDivision(operator: ArithmeticOperator): TemplateRuntimeError {
  return new TemplateRuntimeError("ZeroDivisionError", operator === "/" ? "division by zero" : "integer division or modulo by zero");
}

function calculateSmall(operator: ArithmeticOperator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      // Without a negative zero, which is no int.
      return left * right + 0;
    case "//":
      if (right === 0) throw zeroDivision(operator);
      return Math.floor(left / right) === left / right || Math.abs(left) < 2 ** 50 ? Math.floor(left / right) + 0 : Number.NaN;
    default: {
      if (right === 0) throw zeroDivision(operator);
      const rest = left % right;
      return (rest !== 0 && rest < 0 !== right < 0 ? rest + right : rest) + 0;
    }
  }
}

function calculateIntegers(state: RenderState, operator: ArithmeticOperator, left: bigint, right: bigint): Value {
  const bits = roughBits(left) + roughBits(right);
  if (operator !== "**") checkBits(state.meter, bits);
  switch (operator) {
    case "+":
      return integer(left + right);
    case "-":
      return integer(left - right);
    case "*":
      return integer(left * right);
    case "**":
      return power(state, left, right);
    default: {
      if (right === 0n) throw zeroDivision(operator);
      const rest = left % right;
      const down = rest !== 0n && rest < 0n !== right < 0n;
      if (operator === "%") return integer(down ? rest + right : rest);
      return integer(left / right - (down ? 1n : 0n));
    }
  }
}

function power(state: RenderState, base: bigint, exponent: bigint): Value {
  if (exponent < 0n) {
    if (base === 0n) throw new TemplateRuntimeError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
    return new PythonFloat(Number(base) ** Number(exponent));
  }
  if (base === 0n || base === 1n || base === -1n) return integer(exponent === 0n ? 1n : base === -1n && exponent % 2n === 0n ? 1n : base);
  checkBits(state.meter, roughBits(base) * Number(exponent));
  return integer(base ** exponent);
}

function calculateFloats(operator: ArithmeticOperator, left: number, right: number): Value {
  switch (operator) {
    case "+":
      return new PythonFloat(left + right);
    case "-":
      return new PythonFloat(left - right);
    case "*":
      return new PythonFloat(left * right);
    case "**":
      return floatPower(left, right);
    default:
      if (right === 0) throw new TemplateRuntimeError("ZeroDivisionError", operator === "/" ? "division by zero" : "float floor division by zero");
      if (operator === "/") return new PythonFloat(left / right);
      return new PythonFloat(operator === "%" ? floatModulo(left, right) : floorDivide(left, right));
  }
}

function floatPower(left: number, right: number): PythonFloat {
  if (left === 0 && right < 0) throw new TemplateRuntimeError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  const result = left === 1 ? 1 : left ** right;
  if (!Number.isFinite(result) && Number.isFinite(left) && Number.isFinite(right)) {
    if (Number.isNaN(result)) throw new TemplateRuntimeError("TypeError", "complex numbers are not supported");
    throw new TemplateRuntimeError("OverflowError", "(34, 'Numerical result out of range')");
  }
  return new PythonFloat(result);
}

/** As Python rounds it: by way of the rest, which is exact. */
function floorDivide(left: number, right: number): number {
  const rest = left % right;
  const quotient = (left - rest) / right - (rest !== 0 && rest < 0 !== right < 0 ? 1 : 0);
  if (quotient === 0) return Object.is(left / right, -0) || left / right < 0 ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** The rest has the sign of the divisor. */
function floatModulo(left: number, right: number): number {
  const rest = left % right;
  if (rest === 0) return right < 0 ? -0 : 0;
  return rest < 0 !== right < 0 ? rest + right : rest;
}

/** Python's unary `-` and `+`. */
export function negate(value: Value, operator: "-" | "+"): Value {
  if (value instanceof PythonFloat) return operator === "-" ? new PythonFloat(-value.value) : value;
  if (isInteger(value)) return integer(operator === "-" ? -toBigInt(value) : toBigInt(value));
  if (value instanceof Undefined) throw value.error();
  throw new TemplateRuntimeError("TypeError", `bad operand type for unary ${operator}: '${typeName(value)}'`);
}
