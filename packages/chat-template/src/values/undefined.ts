import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { typeName } from "../operations/type-name.js";
import { PythonObject } from "./python-object.js";
import type { Value } from "./value.js";

/** What a name or an element that does not exist gives: empty when printed, an error when it is worked with. */
export class Undefined extends PythonObject {
  readonly typeName = "Undefined";
  readonly #explain: () => string;
  readonly #unsafe: boolean;

  private constructor(explain: () => string, unsafe = false) {
    super();
    this.#explain = explain;
    this.#unsafe = unsafe;
  }

  /** A variable that the context does not have. */
  static variable(name: string): Undefined {
    return new Undefined(() => `'${name}' is undefined`);
  }

  /** An attribute or element that a value does not have. */
  static element(owner: Value, key: Value): Undefined {
    return new Undefined(() => {
      const type = owner === null ? "None" : `${typeName(owner)} object`;
      if (typeof key === "string") return `'${type}' has no attribute '${key}'`;
      return `${type} has no element ${typeof key === "number" ? key : typeName(key)}`;
    });
  }

  /** An attribute that the sandbox keeps from templates. */
  static unsafe(owner: Value, name: string): Undefined {
    return new Undefined(() => `access to attribute '${name}' of '${typeName(owner)}' object is unsafe.`, true);
  }

  static because(words: string): Undefined {
    return new Undefined(() => words);
  }

  /** What working with it raises. */
  error(): TemplateRuntimeError {
    return new TemplateRuntimeError(this.#unsafe ? "SecurityError" : "UndefinedError", this.#explain());
  }

  represent(): string {
    return "Undefined";
  }

  override text(): string {
    return "";
  }

  override size(): number {
    return 0;
  }

  override iterator(): Iterator<Value> {
    return [].values();
  }

  override attribute(): never {
    throw this.error();
  }

  override item(): never {
    throw this.error();
  }

  override get isSubscriptable(): boolean {
    return true;
  }
}
