import { TemplateError, TemplateRaisedError } from "../../src/index.js";

/** What a table says of one rendering. */
export interface Expectation {
  readonly expected?: string;
  readonly error?: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
}

/** Undefined when a rendering does what the table says, else what it does instead. */
export function difference({ expected, error, error_type, error_message }: Expectation, render: () => string): string | undefined {
  let text: string;
  try {
    text = render();
  } catch (thrown) {
    if (!TemplateError.isInstance(thrown)) throw thrown;
    if (error !== true) return `threw ${thrown.name}: ${thrown.message}`;
    // Only the template's own words are to be the same.
    if (error_type !== "TemplateError") return undefined;
    return TemplateRaisedError.isInstance(thrown) && thrown.message === error_message ? undefined : `threw ${thrown.name}: ${thrown.message}`;
  }
  if (error === true) return `did not throw, but wrote ${JSON.stringify(text)}`;
  return text === expected ? undefined : `wrote ${JSON.stringify(text)}`;
}
