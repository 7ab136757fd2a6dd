import { InvalidRequestError } from "./invalid-request-error.js";

/** A prompt, or a prompt and the answer that was asked for, is longer than the model's context; nothing was computed. */
export class ContextLengthError extends InvalidRequestError {
  static {
    this.register("ContextLengthError");
  }

  /**
   * @param promptTokens tokens of the prompt; of one that is many times too long, how many were counted before it was refused
   * @param contextLength tokens that the model can take, answer included
   * @param newTokens tokens of the answer that was asked for; undefined where the prompt alone is too long
   */
  constructor(
    message: string,
    hint: string,
    readonly promptTokens: number,
    readonly contextLength: number,
    readonly newTokens?: number,
  ) {
    super(message, hint);
  }
}
