import { codeOf, TemplateError, type TemplateErrorDetails } from "./template-error.js";

/** What Python would have raised. */
export type PythonErrorType =
  | "TypeError"
  | "ValueError"
  | "KeyError"
  | "IndexError"
  | "OverflowError"
  | "ZeroDivisionError"
  | "RuntimeError"
  | "AssertionError"
  | "UndefinedError"
  | "SecurityError"
  | "FilterArgumentError"
  | "TemplateRuntimeError"
  | "NotImplementedError";

/** The template did something with its values that Python or jinja2 refuses. */
export class TemplateRuntimeError extends TemplateError {
  override readonly name = "TemplateRuntimeError";
  readonly pythonType: PythonErrorType;

  constructor(pythonType: PythonErrorType, message: string, details: TemplateErrorDetails = {}) {
    super("template_runtime", message, {
      hint: "The template expects other values: look at the place it names, and at what the messages, tools and variables hold.",
      ...details,
    });
    this.pythonType = pythonType;
  }

  static override isInstance(error: unknown): error is TemplateRuntimeError {
    return codeOf(error) === "template_runtime";
  }
}
