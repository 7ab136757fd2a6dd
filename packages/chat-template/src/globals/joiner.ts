import { PythonCallable } from "../values/python-object.js";
import type { Value } from "../values/value.js";

/** What `joiner(...)` gives: empty when it is called first, then its separator. */
export class Joiner extends PythonCallable {
  readonly typeName = "Joiner";
  readonly #separator: Value;
  #used = false;

  constructor(separator: Value) {
    super();
    this.#separator = separator;
  }

  call(): Value {
    if (this.#used) return this.#separator;
    this.#used = true;
    return "";
  }

  override attribute(name: string): Value | undefined {
    if (name === "sep") return this.#separator;
    return name === "used" ? this.#used : undefined;
  }

  represent(): string {
    return "<jinja2.utils.Joiner object>";
  }
}
