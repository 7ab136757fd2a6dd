import { codeOf, TemplateError, type TemplateErrorDetails } from "./template-error.js";

/** The template's text is not a jinja2 template. */
export class TemplateSyntaxError extends TemplateError {
  override readonly name = "TemplateSyntaxError";

  constructor(message: string, details: TemplateErrorDetails = {}) {
    super("template_syntax", message, { hint: "Compare the template with the file that the model was published with.", ...details });
  }

  static override isInstance(error: unknown): error is TemplateSyntaxError {
    return codeOf(error) === "template_syntax";
  }
}
