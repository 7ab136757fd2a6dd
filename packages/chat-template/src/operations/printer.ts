import type { Meter } from "../limits/meter.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { stringRepresentation } from "../text/string-representation.js";
import type { PythonDict } from "../values/python-dict.js";
import { PythonObject } from "../values/python-object.js";
import type { Value } from "../values/value.js";

/** Python refuses to print longer integers. */
const integerDigits = 4300;

/** Python's `str` and `repr`. */
export class Printer {
  readonly #meter: Meter;
  readonly #active = new Set<object>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  text(value: Value): string {
    if (typeof value === "string") return value;
    if (value instanceof PythonObject) return value.text(this);
    return this.representation(value);
  }

  representation(value: Value): string {
    switch (typeof value) {
      case "string":
        // Escapes make up to ten characters of one.
        this.#meter.makeText(8 * value.length);
        return stringRepresentation(value);
      case "number":
        return String(value);
      case "bigint":
        return integerText(value);
      case "boolean":
        return value ? "True" : "False";
      default:
        if (value === null) return "None";
        return this.#nested(() => (value instanceof PythonObject ? value.represent(this) : `[${this.list(value)}]`));
    }
  }

  list(values: readonly Value[]): string {
    let text = "";
    for (const [index, value] of values.entries()) text += index === 0 ? this.representation(value) : `, ${this.representation(value)}`;
    this.#meter.makeText(text.length);
    return text;
  }

  dict(dict: PythonDict): string {
    let text = "";
    for (const [key, value] of dict.entries()) {
      text += `${text === "" ? "" : ", "}${this.representation(key)}: ${this.representation(value)}`;
    }
    this.#meter.makeText(text.length);
    return `{${text}}`;
  }

  /** For a value that may hold itself: `again` stands for it inside of its own text. */
  once(value: object, again: string, represent: () => string): string {
    if (this.#active.has(value)) return again;
    this.#active.add(value);
    try {
      return represent();
    } finally {
      this.#active.delete(value);
    }
  }

  #nested(represent: () => string): string {
    this.#meter.enterValue();
    const text = represent();
    this.#meter.leaveValue();
    return text;
  }
}

/** @throws TemplateRuntimeError (ValueError) for more digits than Python prints */
export function integerText(value: bigint): string {
  // Three bits make at most one digit: what is surely short is not measured first.
  const text = value.toString(16).length > integerDigits ? undefined : value.toString();
  if (text === undefined || text.length - (value < 0n ? 1 : 0) > integerDigits) {
    throw new TemplateRuntimeError("ValueError", `Exceeds the limit (${integerDigits} digits) for integer string conversion`);
  }
  return text;
}
