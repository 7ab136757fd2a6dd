import { floatRepresentation } from "../text/float-text.js";
import { PythonObject } from "./python-object.js";

/** A float. Numbers of JavaScript that are integers are int in templates: `new PythonFloat(2)` is 2.0. */
export class PythonFloat extends PythonObject {
  readonly typeName = "float";

  constructor(readonly value: number) {
    super();
  }

  represent(): string {
    return floatRepresentation(this.value);
  }

  override isTruthy(): boolean {
    return this.value !== 0;
  }

  toJSON(): number {
    return this.value;
  }
}
