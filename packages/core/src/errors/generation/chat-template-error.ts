import { InvalidRequestError } from "./invalid-request-error.js";

/** The model's chat template cannot be rendered with these messages. `cause` is the template's own error, with its place. */
export class ChatTemplateError extends InvalidRequestError {
  static {
    this.register("ChatTemplateError");
  }

  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, hint);
    if (cause !== undefined) this.cause = cause;
  }
}
