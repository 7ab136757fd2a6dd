import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { NativeFunction } from "../values/native-function.js";
import { PythonObject } from "../values/python-object.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";

/** What `cycler(...)` gives: its values in turn. */
export class Cycler extends PythonObject {
  readonly typeName = "Cycler";
  readonly #items: readonly Value[];
  #position = 0;

  constructor(items: readonly Value[]) {
    super();
    if (items.length === 0) throw new TemplateRuntimeError("RuntimeError", "at least one item has to be provided");
    this.#items = items;
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case "next":
        return new NativeFunction("next", () => this.#next(), "method");
      case "reset":
        return new NativeFunction("reset", () => this.#reset(), "method");
      case "current":
        return this.#items[this.#position]!;
      case "items":
        return new PythonTuple(this.#items);
      case "pos":
        return this.#position;
      default:
        return undefined;
    }
  }

  represent(): string {
    return "<jinja2.utils.Cycler object>";
  }

  #next(): Value {
    const value = this.#items[this.#position]!;
    this.#position = (this.#position + 1) % this.#items.length;
    return value;
  }

  #reset(): null {
    this.#position = 0;
    return null;
  }
}
