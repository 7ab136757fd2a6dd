import type { RenderState } from "../compiler/render-state.js";
import type { Printer } from "../operations/printer.js";
import type { NamedArguments, Value } from "./value.js";

/** A Python value that JavaScript has no type for. The methods are what Python's operators ask of a type. */
export abstract class PythonObject {
  /** The type's name in messages. */
  abstract readonly typeName: string;

  /** Python's `repr`. */
  abstract represent(printer: Printer): string;

  /** Python's `str`, where it differs from `repr`. */
  text(printer: Printer): string {
    return this.represent(printer);
  }

  isTruthy(): boolean {
    const size = this.size();
    return size === undefined || size > 0;
  }

  /** Python's `len`; undefined for types without one. */
  size(): number | undefined {
    return undefined;
  }

  /** Python's `iter`; undefined for types that cannot be iterated. */
  iterator(_state: RenderState): Iterator<Value> | undefined {
    return undefined;
  }

  /** An attribute or a bound method; undefined where Python raises AttributeError. */
  attribute(_name: string, _state: RenderState): Value | undefined {
    return undefined;
  }

  /** An element; undefined where Python raises TypeError or LookupError. */
  item(_key: Value, _state: RenderState): Value | undefined {
    return undefined;
  }

  /** Whether elements are read by index or key (`__getitem__`). */
  get isSubscriptable(): boolean {
    return false;
  }
}

/** What a template can call. */
export abstract class PythonCallable extends PythonObject {
  abstract call(state: RenderState, positional: readonly Value[], named: NamedArguments): Value;
}
