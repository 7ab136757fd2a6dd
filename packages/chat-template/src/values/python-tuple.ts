import type { RenderState } from "../compiler/render-state.js";
import type { Printer } from "../operations/printer.js";
import { PythonObject } from "./python-object.js";
import type { Value } from "./value.js";

export class PythonTuple extends PythonObject {
  readonly typeName: string = "tuple";

  constructor(readonly items: readonly Value[]) {
    super();
  }

  represent(printer: Printer): string {
    return this.items.length === 1 ? `(${printer.representation(this.items[0]!)},)` : `(${printer.list(this.items)})`;
  }

  override size(): number {
    return this.items.length;
  }

  override iterator(_state: RenderState): Iterator<Value> {
    return this.items.values();
  }

  override get isSubscriptable(): boolean {
    return true;
  }
}

/** One group of the filter `groupby`. */
export class GroupTuple extends PythonTuple {
  override readonly typeName = "_GroupTuple";

  constructor(
    readonly grouper: Value,
    readonly list: readonly Value[],
  ) {
    super([grouper, list]);
  }

  override attribute(name: string): Value | undefined {
    if (name === "grouper") return this.grouper;
    return name === "list" ? this.list : undefined;
  }
}
