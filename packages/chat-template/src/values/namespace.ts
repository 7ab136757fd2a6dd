import type { Printer } from "../operations/printer.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import type { PythonDict } from "./python-dict.js";
import { PythonObject } from "./python-object.js";
import type { Value } from "./value.js";

/** What `namespace()` gives: the only value that a template can change. */
export class Namespace extends PythonObject {
  readonly typeName = "Namespace";
  readonly #attributes: PythonDict;

  /** @param attributes becomes the namespace's own */
  constructor(attributes: PythonDict) {
    super();
    for (const key of attributes.keys()) if (typeof key === "string") refuseUnderscore(key);
    this.#attributes = attributes;
  }

  override attribute(name: string): Value | undefined {
    return this.#attributes.getText(name);
  }

  assign(name: string, value: Value): void {
    refuseUnderscore(name);
    this.#attributes.set(name, value);
  }

  represent(printer: Printer): string {
    return printer.once(this, "<Namespace {...}>", () => `<Namespace ${printer.dict(this.#attributes)}>`);
  }
}

/** As transformers does: the sandbox would not let them be read again. */
function refuseUnderscore(name: string): void {
  if (!name.startsWith("_")) return;
  throw new TemplateRuntimeError("SecurityError", `A namespace cannot have an attribute that begins with an underscore: '${name}'.`, {
    hint: "Rename the attribute in the template.",
  });
}
