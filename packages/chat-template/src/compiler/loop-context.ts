import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { equals } from "../operations/equality.js";
import { NativeFunction } from "../values/native-function.js";
import { PythonCallable } from "../values/python-object.js";
import { PythonTuple } from "../values/python-tuple.js";
import { Undefined } from "../values/undefined.js";
import { given, type Value } from "../values/value.js";
import type { RenderState } from "./render-state.js";

/** Renders the same loop over other values, one level deeper. */
export type Recurse = (state: RenderState, iterable: Value, depth: number) => Value;

/** The variable `loop`. */
export class LoopContext extends PythonCallable {
  readonly typeName = "LoopContext";
  index0 = -1;
  #iterator: Iterator<Value>;
  #size: number | undefined;
  readonly #depth0: number;
  readonly #recurse: Recurse | undefined;
  #before: Value | undefined;
  #current: Value | undefined;
  /** The next value, where somebody looked ahead. */
  #after: Value | undefined;
  #lastChanged: readonly Value[] | undefined;

  /** @param size of what is gone through, where it is known before */
  constructor(iterator: Iterator<Value>, size: number | undefined, recurse: Recurse | undefined, depth0: number) {
    super();
    this.#iterator = iterator;
    this.#size = size;
    this.#recurse = recurse;
    this.#depth0 = depth0;
  }

  /** The next value; undefined at the end. */
  advance(): Value | undefined {
    const value = this.#peek();
    if (value === undefined) return undefined;
    this.#after = undefined;
    this.index0++;
    this.#before = this.#current;
    this.#current = value;
    return value;
  }

  #peek(): Value | undefined {
    if (this.#after === undefined) {
      const next = this.#iterator.next();
      if (next.done !== true) this.#after = next.value;
    }
    return this.#after;
  }

  override size(): number {
    if (this.#size === undefined) {
      const rest = [...{ [Symbol.iterator]: () => this.#iterator }];
      this.#size = rest.length + this.index0 + 1 + (this.#after === undefined ? 0 : 1);
      this.#iterator = rest.values();
    }
    return this.#size;
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return this.index0 + 1;
      case "index0":
        return this.index0;
      case "first":
        return this.index0 === 0;
      case "last":
        return this.#peek() === undefined;
      case "length":
        return this.size();
      case "revindex":
        return this.size() - this.index0;
      case "revindex0":
        return this.size() - this.index0 - 1;
      case "previtem":
        return this.index0 === 0 ? Undefined.because("there is no previous item") : this.#before!;
      case "nextitem":
        return given(this.#peek(), Undefined.because("there is no next item"));
      case "depth":
        return this.#depth0 + 1;
      case "depth0":
        return this.#depth0;
      case "cycle":
        return new NativeFunction("cycle", (_, values) => this.#cycle(values), "method");
      case "changed":
        return new NativeFunction("changed", (state, values) => this.#changed(state, values), "method");
      default:
        return undefined;
    }
  }

  #cycle(values: readonly Value[]): Value {
    if (values.length === 0) throw new TemplateRuntimeError("TypeError", "no items for cycling given");
    return values[this.index0 % values.length]!;
  }

  #changed(state: RenderState, values: readonly Value[]): boolean {
    const same = this.#lastChanged !== undefined && equals(state.meter, new PythonTuple(this.#lastChanged), new PythonTuple(values));
    if (!same) this.#lastChanged = values;
    return !same;
  }

  call(state: RenderState, [iterable]: readonly Value[]): Value {
    if (this.#recurse === undefined) {
      throw new TemplateRuntimeError("TypeError", "The loop must have the 'recursive' marker to be called recursively.");
    }
    if (iterable === undefined) throw new TemplateRuntimeError("TypeError", "loop() wants what to go through");
    return this.#recurse(state, iterable, this.#depth0 + 1);
  }

  represent(): string {
    return `<LoopContext ${this.index0 + 1}/${this.size()}>`;
  }
}
