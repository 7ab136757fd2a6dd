import { PythonObject } from "./python-object.js";
import type { Value } from "./value.js";

/** Values that can be gone through once: what filters such as `map` and `reverse` give. */
export class PythonIterator extends PythonObject {
  readonly #values: Iterator<Value>;

  constructor(
    values: Iterator<Value>,
    readonly typeName = "generator",
  ) {
    super();
    this.#values = values;
  }

  represent(): string {
    return `<${this.typeName} object>`;
  }

  override iterator(): Iterator<Value> {
    // Not the generator itself: ending one loop over it must not end it for the next.
    return { next: () => this.#values.next() };
  }
}
