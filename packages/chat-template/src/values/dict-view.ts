import type { RenderState } from "../compiler/render-state.js";
import type { Printer } from "../operations/printer.js";
import type { PythonDict } from "./python-dict.js";
import { PythonObject } from "./python-object.js";
import { PythonTuple } from "./python-tuple.js";
import type { Value } from "./value.js";

/** What `keys()`, `values()` and `items()` of a dict give. */
export class DictView extends PythonObject {
  readonly typeName: string;

  constructor(
    readonly dict: PythonDict,
    readonly kind: "keys" | "values" | "items",
  ) {
    super();
    this.typeName = `dict_${kind}`;
  }

  elements(): Value[] {
    if (this.kind === "items") return this.dict.entries().map((entry) => new PythonTuple(entry));
    return this.kind === "keys" ? this.dict.keys() : this.dict.values();
  }

  represent(printer: Printer): string {
    return `${this.typeName}([${printer.list(this.elements())}])`;
  }

  override size(): number {
    return this.dict.count;
  }

  override iterator(state: RenderState): Iterator<Value> {
    state.meter.makeList(this.dict.count);
    return this.elements().values();
  }

  override attribute(name: string): Value | undefined {
    return name === "mapping" ? this.dict : undefined;
  }
}
