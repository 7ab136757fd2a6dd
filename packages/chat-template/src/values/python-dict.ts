import type { RenderState } from "../compiler/render-state.js";
import type { Printer } from "../operations/printer.js";
import { type HashKey, hashKey, hashText } from "./hash-key.js";
import { PythonObject } from "./python-object.js";
import type { Value } from "./value.js";

/** A dict: insertion order, and Python's idea of equal keys. */
export class PythonDict extends PythonObject {
  readonly typeName = "dict";
  readonly #values = new Map<HashKey, Value>();
  /** The keys as they were written, where they are not their own hash keys. */
  #originals: Map<HashKey, Value> | undefined;

  static of(entries: Iterable<readonly [Value, Value]>): PythonDict {
    const dict = new PythonDict();
    for (const [key, value] of entries) dict.set(key, value);
    return dict;
  }

  /** Keeps the first key that was written for an equal one, as Python does. Only while a dict is being made. */
  set(key: Value, value: Value): void {
    const hash = hashKey(key);
    if (hash !== key && !this.#values.has(hash)) (this.#originals ??= new Map()).set(hash, key);
    this.#values.set(hash, value);
  }

  get(key: Value): Value | undefined {
    return this.#values.get(hashKey(key));
  }

  getText(key: string): Value | undefined {
    return this.#values.get(hashText(key));
  }

  has(key: Value): boolean {
    return this.#values.has(hashKey(key));
  }

  keys(): Value[] {
    const hashes = [...this.#values.keys()];
    const originals = this.#originals;
    return (originals === undefined ? hashes : hashes.map((hash) => (originals.has(hash) ? originals.get(hash)! : hash))) as Value[];
  }

  values(): Value[] {
    return [...this.#values.values()];
  }

  entries(): [Value, Value][] {
    const values = this.values();
    return this.keys().map((key, index) => [key, values[index]!]);
  }

  copy(): PythonDict {
    return PythonDict.of(this.entries());
  }

  get count(): number {
    return this.#values.size;
  }

  override size(): number {
    return this.#values.size;
  }

  override iterator(state: RenderState): Iterator<Value> {
    state.meter.makeList(this.count);
    return this.keys().values();
  }

  override item(key: Value): Value | undefined {
    return this.get(key);
  }

  override get isSubscriptable(): boolean {
    return true;
  }

  represent(printer: Printer): string {
    return printer.dict(this);
  }
}
