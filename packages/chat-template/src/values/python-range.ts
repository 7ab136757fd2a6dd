import { PythonObject } from "./python-object.js";
import type { Value } from "./value.js";

/** Numbers from `start` up to, and without, `stop`. */
export class PythonRange extends PythonObject {
  readonly typeName = "range";
  readonly length: number;

  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {
    super();
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }

  includes(number: number): boolean {
    const index = (number - this.start) / this.step;
    return Number.isInteger(index) && index >= 0 && index < this.length;
  }

  represent(): string {
    return this.step === 1 ? `range(${this.start}, ${this.stop})` : `range(${this.start}, ${this.stop}, ${this.step})`;
  }

  override size(): number {
    return this.length;
  }

  override *iterator(): Generator<Value> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  override attribute(name: string): Value | undefined {
    return name === "start" || name === "stop" || name === "step" ? this[name] : undefined;
  }

  override get isSubscriptable(): boolean {
    return true;
  }
}
