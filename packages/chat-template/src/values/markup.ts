import type { RenderState } from "../compiler/render-state.js";
import type { Printer } from "../operations/printer.js";
import { codePoints, codePointLength } from "../text/code-points.js";
import { PythonObject } from "./python-object.js";

/** A str that is marked as safe HTML: what it is joined with is escaped. */
export class Markup extends PythonObject {
  readonly typeName = "Markup";

  constructor(readonly value: string) {
    super();
  }

  represent(printer: Printer): string {
    return `Markup(${printer.representation(this.value)})`;
  }

  override text(): string {
    return this.value;
  }

  override size(): number {
    return codePointLength(this.value);
  }

  override *iterator(state: RenderState): Generator<Markup> {
    state.meter.scanText(this.value.length);
    for (const character of codePoints(this.value)) yield new Markup(character);
  }

  override get isSubscriptable(): boolean {
    return true;
  }
}
