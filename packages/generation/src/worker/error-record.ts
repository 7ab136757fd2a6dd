import { DisposedError, ElasticAttentionError, OutOfMemoryError, ShapeError } from "@elastic-attention/tensor";
import { ModelConfigError, PromptError } from "@elastic-attention/transformer";
import { EngineWorkerError, InvalidRequestError, TokenizerError } from "../errors.js";

/** An error as plain data, to cross a thread boundary. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
  /** Other own properties that are plain values. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Classes that callers test for; an error of another class comes back as an ElasticAttentionError of the same code. */
const classes = [
  DisposedError,
  EngineWorkerError,
  InvalidRequestError,
  ModelConfigError,
  OutOfMemoryError,
  PromptError,
  ShapeError,
  TokenizerError,
];

/** @returns what {@link reviveError} needs to build the error again. */
export function recordError(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), fields: {} };
  const fields = Object.fromEntries(
    Object.entries(error).filter(([key, value]) => !["name", "code", "hint"].includes(key) && isPlain(value)),
  );
  const { name, message } = error;
  if (!ElasticAttentionError.is(error)) return { name, message, fields };
  return { name, message, code: error.code, ...(error.hint === undefined ? {} : { hint: error.hint }), fields };
}

/** The error again, of its own class where that is known; one that is not ours becomes an EngineWorkerError. */
export function reviveError({ name, message, code, hint, fields }: ErrorRecord): Error {
  if (code === undefined) return new EngineWorkerError(`The engine failed: ${name}: ${message}`);
  const error = new ElasticAttentionError(code, message);
  const known = classes.find((candidate) => candidate.name === name);
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype as object);
  // The message ends with the hint already.
  return Object.assign(error, fields, { name, hint });
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  return value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
}
