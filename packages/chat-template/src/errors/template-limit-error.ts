import type { TemplateLimits } from "../limits/template-limits.js";
import { codeOf, TemplateError, type TemplateErrorDetails } from "./template-error.js";

/** A template asked for more than it may have. */
export class TemplateLimitError extends TemplateError {
  override readonly name = "TemplateLimitError";
  /** The option that would have to be larger. */
  readonly limit: keyof TemplateLimits;

  constructor(limit: keyof TemplateLimits, message: string, details: TemplateErrorDetails = {}) {
    super("template_limit", message, { hint: `If the template is to be trusted, pass limits: { ${limit}: … } with a larger value.`, ...details });
    this.limit = limit;
  }

  static override isInstance(error: unknown): error is TemplateLimitError {
    return codeOf(error) === "template_limit";
  }
}
