import { codeOf, TemplateError, type TemplateErrorDetails } from "./template-error.js";

/** What the caller passed cannot be given to a template. */
export class TemplateInputError extends TemplateError {
  override readonly name = "TemplateInputError";

  constructor(message: string, details: TemplateErrorDetails = {}) {
    super("template_input", message, details);
  }

  static override isInstance(error: unknown): error is TemplateInputError {
    return codeOf(error) === "template_input";
  }
}
