import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { integerText } from "../operations/printer.js";
import { typeName } from "../operations/type-name.js";
import { Markup } from "../values/markup.js";
import { PythonFloat } from "../values/python-float.js";
import type { Value } from "../values/value.js";
import { codePointLength, codePoints, codeUnitIndex } from "./code-points.js";
import { floatDigits, groupDigits, signText } from "./number-layout.js";

interface FormatSpec {
  readonly fill: string;
  readonly align: string | undefined;
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const pattern = /^(?:([^])?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;

/** Python's `format(value, spec)`. */
export function formatValue(state: RenderState, value: Value, spec: string): string {
  if (spec === "") return state.printer.text(value);
  if (typeof value === "string" || value instanceof Markup) return formatText(state, state.printer.text(value), parseSpec(spec, "str", state));
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "bigint") {
    return formatInteger(state, BigInt(value), parseSpec(spec, "int", state));
  }
  if (value instanceof PythonFloat) return formatFloat(value.value, parseSpec(spec, "float", state));
  throw new TemplateRuntimeError("TypeError", `unsupported format string passed to ${typeName(value)}.__format__`);
}

function parseSpec(spec: string, type: string, state: RenderState): FormatSpec {
  const match = pattern.exec(spec);
  if (match === null) throw new TemplateRuntimeError("ValueError", `Invalid format specifier '${spec}' for object of type '${type}'`);
  const [, fill, align, sign, , alternate, zero, width, grouping, precision, kind] = match;
  const size = Number(width ?? 0);
  state.meter.makeText(size);
  if (precision !== undefined) state.meter.allocate(Number(precision));
  return {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (zero === undefined || type === "str" ? undefined : "="),
    sign: sign ?? "",
    alternate: alternate !== undefined,
    width: size,
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : Number(precision),
    type: kind ?? "",
  };
}

function unknownType(type: string, of: string): never {
  throw new TemplateRuntimeError("ValueError", `Unknown format code '${type}' for object of type '${of}'`);
}

function formatText(state: RenderState, text: string, spec: FormatSpec): string {
  if (spec.type !== "" && spec.type !== "s") unknownType(spec.type, "str");
  if (spec.align === "=" || spec.grouping !== "" || spec.sign !== "" || spec.alternate) {
    throw new TemplateRuntimeError("ValueError", "A sign, '=', '#' or a separator is not allowed in the format of a str");
  }
  state.meter.makeText(text.length);
  const cut = spec.precision === undefined ? text : text.slice(0, codeUnitIndex(text, spec.precision));
  return pad("", cut, spec, "<");
}

function pad(sign: string, body: string, { fill, align, width }: FormatSpec, usual: string): string {
  const missing = width - codePointLength(body) - sign.length;
  if (missing <= 0) return sign + body;
  switch (align ?? usual) {
    case "<":
      return sign + body + fill.repeat(missing);
    case "=":
      return sign + fill.repeat(missing) + body;
    case "^":
      return fill.repeat(missing >> 1) + sign + body + fill.repeat(missing - (missing >> 1));
    default:
      return fill.repeat(missing) + sign + body;
  }
}

const radixes: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16 };

function formatInteger(state: RenderState, value: bigint, spec: FormatSpec): string {
  const { type } = spec;
  if ("eEfFgG%".includes(type) && type !== "") return formatFloat(Number(value), spec);
  if (spec.precision !== undefined) throw new TemplateRuntimeError("ValueError", "Precision not allowed in integer format specifier");
  if (spec.grouping !== "" && (type === "c" || type === "n" || (spec.grouping === "," && type in radixes))) {
    throw new TemplateRuntimeError("ValueError", `Cannot specify '${spec.grouping}' with '${type}'.`);
  }
  if (type === "c" && (spec.alternate || spec.sign !== "")) {
    throw new TemplateRuntimeError("ValueError", "Sign and alternate form (#) are not allowed with integer format specifier 'c'");
  }
  if (type === "c") return pad("", codePoints(String.fromCodePoint(Number(value)))[0] ?? "", spec, "<");
  const radix = radixes[type];
  if (radix === undefined && type !== "" && type !== "d" && type !== "n") unknownType(type, "int");
  const size = value < 0n ? -value : value;
  state.meter.step(size >> 60n > 0n ? 64 : 1);
  let digits = radix === undefined ? integerText(size) : size.toString(radix);
  if (type === "X") digits = digits.toUpperCase();
  const prefix = spec.alternate && radix !== undefined ? `0${type}` : "";
  return padNumber(signText(value < 0n, spec.sign) + prefix, digits, "", spec, radix === undefined ? 3 : 4);
}

function formatFloat(value: number, spec: FormatSpec): string {
  const type = spec.type === "n" ? "g" : spec.type;
  if (type !== "" && !"eEfFgG%".includes(type)) unknownType(type, "float");
  const negative = value < 0 || Object.is(value, -0);
  let text: string;
  if (type === "%") text = `${floatDigits(value * 100, "f", spec.precision ?? 6, spec.alternate)}%`;
  else if (type !== "") text = floatDigits(value, type, spec.precision ?? 6, spec.alternate);
  else if (spec.precision === undefined) text = new PythonFloat(Math.abs(value)).represent();
  else text = floatDigits(value, "g", spec.precision, spec.alternate, true);
  const whole = /^\d*/.exec(text)![0];
  return padNumber(signText(negative, spec.sign), whole, text.slice(whole.length), spec, 3);
}

/** Groups the whole part; zeros that fill up the width are grouped too. */
function padNumber(sign: string, whole: string, rest: string, spec: FormatSpec, groupSize: number): string {
  if (spec.grouping === "") return pad(sign, whole + rest, spec, ">");
  let digits = whole;
  let grouped = groupDigits(digits, spec.grouping, groupSize);
  if (spec.fill === "0" && spec.align === "=") {
    const room = spec.width - sign.length - rest.length;
    // A separator never comes first: there it takes one more zero.
    let wanted = room - Math.floor(room / (groupSize + 1));
    while (wanted + Math.floor((wanted - 1) / groupSize) < room) wanted++;
    digits = digits.padStart(wanted, "0");
    grouped = groupDigits(digits, spec.grouping, groupSize);
  }
  return pad(sign, grouped + rest, spec, ">");
}
