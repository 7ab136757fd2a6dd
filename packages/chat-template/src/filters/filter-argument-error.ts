import { TemplateRuntimeError } from "../errors/template-runtime-error.js";

/** A filter got arguments that it cannot work with. */
export function filterArgumentError(message: string): TemplateRuntimeError {
  return new TemplateRuntimeError("FilterArgumentError", message);
}
