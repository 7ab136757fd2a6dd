import { TemplateInputError } from "../errors/template-input-error.js";
import type { TemplateLimits } from "../limits/template-limits.js";
import { integer } from "../operations/numbers.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";
import { PythonObject } from "../values/python-object.js";
import type { Value } from "../values/value.js";

/**
 * Copies what a caller passes into Python values, so that nothing of the caller's is seen or changed later. Integers
 * within the safe range are int, other numbers float; null is None; a property that is undefined does not exist.
 */
export class InputReader {
  /** Characters and elements so far. */
  size = 0;
  readonly #maximumDepth: number;
  /** What was copied already: the same object twice stays the same value, and costs nothing. */
  readonly #copies = new Map<object, Value>();
  readonly #open = new Set<object>();

  constructor({ valueDepth }: Pick<TemplateLimits, "valueDepth">) {
    this.#maximumDepth = valueDepth;
  }

  /** @param path names the value in errors, such as `messages` */
  read(value: unknown, path: string): Value {
    switch (typeof value) {
      case "string":
        this.size += value.length;
        return value;
      case "number":
        return Number.isSafeInteger(value) ? value + 0 : new PythonFloat(value);
      case "boolean":
        return value;
      case "bigint":
        return integer(value);
      case "undefined":
        return null;
      case "object":
        return value === null ? null : this.#readObject(value, path);
      default:
        throw refusal(path, `a ${typeof value}`);
    }
  }

  #readObject(value: object, path: string): Value {
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (this.#open.has(value)) throw new TemplateInputError(`${path} holds itself.`, { hint: "Pass values without cycles." });
    if (this.#open.size >= this.#maximumDepth) throw new TemplateInputError(`${path} is nested more than ${this.#maximumDepth} times over.`);
    this.#open.add(value);
    const copy = this.#copy(value, path);
    this.#open.delete(value);
    this.#copies.set(value, copy);
    return copy;
  }

  #copy(value: object, path: string): Value {
    if (Array.isArray(value)) {
      this.size += 8 * value.length;
      return value.map((item, index) => this.read(item, `${path}[${index}]`));
    }
    if (value instanceof PythonDict) return this.#dict(value.entries(), path);
    if (value instanceof PythonObject) return value;
    if (value instanceof Map) return this.#dict([...(value as Map<unknown, unknown>)], path);
    const prototype: unknown = Object.getPrototypeOf(value);
    // Objects of other realms (a worker's, a test runner's) have another Object.prototype.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw refusal(path, `a ${value.constructor?.name ?? "class instance"}`);
    const dict = new PythonDict();
    for (const [key, item] of Object.entries(value)) {
      this.size += key.length + 16;
      if (item !== undefined) dict.set(key, this.read(item, `${path}.${key}`));
    }
    return dict;
  }

  #dict(entries: readonly (readonly [unknown, unknown])[], path: string): PythonDict {
    const dict = new PythonDict();
    for (const [key, item] of entries) {
      this.size += 16;
      dict.set(this.read(key, `a key of ${path}`), this.read(item, `${path}[${String(key)}]`));
    }
    return dict;
  }
}

function refusal(path: string, what: string): TemplateInputError {
  return new TemplateInputError(`${path} is ${what}, which templates cannot use.`, {
    hint: "Pass texts, numbers, booleans, null, arrays, plain objects, Maps, or what parseJson gives.",
  });
}
