import { codeOf, TemplateError, type TemplateErrorDetails } from "./template-error.js";

/** The template called `raise_exception`: the message is its own words. */
export class TemplateRaisedError extends TemplateError {
  override readonly name = "TemplateRaisedError";

  constructor(message: string, details: TemplateErrorDetails = {}) {
    super("template_raised", message, {
      hint: "These are the template's own words: change the messages as it asks.",
      ...details,
    });
  }

  static override isInstance(error: unknown): error is TemplateRaisedError {
    return codeOf(error) === "template_raised";
  }
}
