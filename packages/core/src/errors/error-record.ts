import { firstError } from "../disposal/first-error.js";
import { ElasticAttentionError } from "./elastic-attention-error.js";
import { errorClassNamed } from "./error-classes.js";

/** An error as plain data, to cross a thread or process boundary. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  /** Missing for an error that is not this project's. */
  readonly code?: string;
  readonly hint?: string;
  /** Other own properties that are plain values or typed arrays of numbers. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** @returns what {@link reviveError} needs to build the error again. */
export function recordError(thrown: unknown): ErrorRecord {
  const error = firstError(thrown);
  if (!(error instanceof Error)) return { name: "Error", message: String(error), fields: {} };
  const { name, message } = error;
  const fields = Object.fromEntries(
    Object.entries(error).filter(([key, value]) => !["name", "code", "hint"].includes(key) && isPlain(value)),
  );
  if (!ElasticAttentionError.isInstance(error)) return { name, message, fields };
  return { name, message, code: error.code, ...(error.hint === undefined ? {} : { hint: error.hint }), fields };
}

/** The error again, of the class that registered its name; undefined when it is not one of this project. */
export function reviveError({ name, message, code, hint, fields }: ErrorRecord): ElasticAttentionError | undefined {
  if (code === undefined) return undefined;
  const error = new ElasticAttentionError(code, message);
  const known = errorClassNamed(name);
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype as object);
  // The message ends with the hint already.
  return Object.assign(error, fields, { name, hint });
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (ArrayBuffer.isView(value)) return true;
  return value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
}
