import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { integerText } from "../operations/printer.js";
import { typeName } from "../operations/type-name.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { codePointLength, codeUnitIndex } from "./code-points.js";
import { floatDigits, signText } from "./number-layout.js";
import { asciiOnly } from "./string-representation.js";

const directive = /%(?:\(([^()]*)\))?([-#0 +]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([^]|$)/gu;

/** How one `%` directive lays its value out. */
interface Layout {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

/** Python's `template % values`. */
export function percentFormat(state: RenderState, template: string, values: Value, text = (value: Value) => state.printer.text(value)): string {
  state.meter.scanText(template.length);
  const queue = values instanceof PythonTuple ? [...values.items] : [values];
  const mapping = values instanceof PythonDict || Array.isArray(values);
  let used = 0;
  const next = (): Value => {
    if (used >= queue.length) throw new TemplateRuntimeError("TypeError", "not enough arguments for format string");
    return queue[used++]!;
  };
  const number = (part: string | undefined): number | undefined => {
    if (part === undefined) return undefined;
    if (part !== "*") return Number(part === "" ? 0 : part);
    const value = next();
    if (typeof value !== "number") throw new TemplateRuntimeError("TypeError", "* wants int");
    return value;
  };
  let result = "";
  let end = 0;
  for (const match of template.matchAll(directive)) {
    const [whole, key, flags = "", widthPart, precisionPart, type = ""] = match;
    result += template.slice(end, match.index);
    end = match.index + whole.length;
    const width = number(widthPart) ?? 0;
    const precision = number(precisionPart);
    state.meter.makeText(Math.abs(width));
    state.meter.allocate(Math.max(0, precision ?? 0));
    if (type === "%") {
      result += "%";
      continue;
    }
    if (type === "") throw new TemplateRuntimeError("ValueError", "incomplete format");
    const value = key === undefined ? next() : keyed(values, key);
    const layout = { flags: width < 0 ? `${flags}-` : flags, width: Math.abs(width), precision };
    const piece = formatOne(state, value, type, layout, text);
    state.meter.makeText(piece.length);
    result += piece;
    if (key !== undefined) used = queue.length;
  }
  if (used < queue.length && !mapping) throw new TemplateRuntimeError("TypeError", "not all arguments converted during string formatting");
  return result + template.slice(end);
}

function keyed(values: Value, key: string): Value {
  if (!(values instanceof PythonDict)) throw new TemplateRuntimeError("TypeError", "format requires a mapping");
  const value = values.getText(key);
  if (value === undefined) throw new TemplateRuntimeError("KeyError", `'${key}'`);
  return value;
}

function formatOne(state: RenderState, value: Value, type: string, layout: Layout, text: (value: Value) => string): string {
  switch (type) {
    case "s":
      return padText(cutText(text(value), layout), layout);
    case "r":
      return padText(cutText(state.printer.representation(value), layout), layout);
    case "a":
      return padText(cutText(asciiOnly(state.printer.representation(value)), layout), layout);
    case "c":
      return padText(character(value), layout);
    case "d":
    case "i":
    case "u":
      return formatInteger(integerOf(value, type, true), "d", layout);
    case "x":
    case "X":
    case "o":
      return formatInteger(integerOf(value, type, false), type, layout);
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G":
      return formatFloat(floatOf(value), type, layout);
    default:
      throw new TemplateRuntimeError("ValueError", `unsupported format character '${type}'`);
  }
}

function cutText(text: string, { precision }: Layout): string {
  return precision === undefined ? text : text.slice(0, codeUnitIndex(text, precision));
}

function padText(text: string, { flags, width }: Layout): string {
  const missing = width - codePointLength(text);
  if (missing <= 0) return text;
  return flags.includes("-") ? text + " ".repeat(missing) : " ".repeat(missing) + text;
}

function padNumber(sign: string, digits: string, layout: Layout): string {
  const { flags, width } = layout;
  if (!flags.includes("0") || flags.includes("-")) return padText(sign + digits, layout);
  return sign + digits.padStart(width - sign.length, "0");
}

function signOf(negative: boolean, flags: string): string {
  return signText(negative, flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-");
}

function character(value: Value): string {
  if (typeof value === "string" || value instanceof Markup) {
    const text = typeof value === "string" ? value : value.value;
    if (codePointLength(text) === 1) return text;
  } else if (typeof value === "number" && value >= 0 && value <= 0x10ffff) {
    return String.fromCodePoint(value);
  }
  throw new TemplateRuntimeError("TypeError", "%c requires int or char");
}

function integerOf(value: Value, type: string, floats: boolean): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" || typeof value === "boolean") return BigInt(value);
  if (floats && value instanceof PythonFloat && Number.isFinite(value.value)) return BigInt(Math.trunc(value.value));
  const wanted = floats ? "a real number is required" : "an integer is required";
  throw new TemplateRuntimeError("TypeError", `%${type} format: ${wanted}, not ${typeName(value)}`);
}

function floatOf(value: Value): number {
  if (value instanceof PythonFloat) return value.value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return Number(value);
  throw new TemplateRuntimeError("TypeError", `must be real number, not ${typeName(value)}`);
}

function formatInteger(value: bigint, type: string, layout: Layout): string {
  const size = value < 0n ? -value : value;
  const radix = type === "d" ? 10 : type === "o" ? 8 : 16;
  let digits = radix === 10 ? integerText(size) : size.toString(radix);
  if (type === "X") digits = digits.toUpperCase();
  if (layout.precision !== undefined) digits = digits.padStart(layout.precision, "0");
  const prefix = layout.flags.includes("#") && radix !== 10 ? `0${type}` : "";
  return padNumber(signOf(value < 0n, layout.flags) + prefix, digits, layout);
}

function formatFloat(value: number, type: string, layout: Layout): string {
  const digits = floatDigits(value, type, layout.precision ?? 6, layout.flags.includes("#"));
  return padNumber(signOf(value < 0 || Object.is(value, -0), layout.flags), digits, layout);
}
