import { TemplateLimitError } from "../errors/template-limit-error.js";

/**
 * Limits count what can be counted. What is left, a deep stack on top of an already deep stack or a text longer than
 * the engine allows, is a RangeError of the engine's and becomes the limit that it means.
 */
export function limitOfRangeError(error: unknown): unknown {
  if (!(error instanceof RangeError)) return error;
  return /call stack/i.test(error.message)
    ? new TemplateLimitError("nesting", "The template or its values are nested too deeply.", { cause: error })
    : new TemplateLimitError("memory", "The template makes a value that is too large.", { cause: error });
}
