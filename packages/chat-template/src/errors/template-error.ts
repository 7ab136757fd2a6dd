import type { SourcePosition } from "./source-position.js";

/** Stable names of the errors, for programs that cannot compare classes. */
export type TemplateErrorCode = "template_syntax" | "template_runtime" | "template_raised" | "template_limit" | "template_input";

export interface TemplateErrorDetails {
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly position?: SourcePosition | undefined;
  readonly cause?: unknown;
}

const marker = Symbol.for("elastic-attention.chat-template.error");

/** What this package throws on purpose. */
export abstract class TemplateError extends Error {
  readonly code: TemplateErrorCode;
  readonly hint: string | undefined;
  #position: SourcePosition | undefined;

  protected constructor(code: TemplateErrorCode, message: string, { hint, position, cause }: TemplateErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    this.#position = position;
    // Not an instance field's initializer: copies of this package in one program recognise each other's errors by it.
    Object.defineProperty(this, marker, { value: code });
  }

  /** Where in the template, when that is known. Columns count UTF-16 code units. */
  get position(): SourcePosition | undefined {
    return this.#position;
  }

  get line(): number | undefined {
    return this.#position?.line;
  }

  get column(): number | undefined {
    return this.#position?.column;
  }

  /** Fills in the place, unless it is known already. @internal */
  locate(position: SourcePosition): this {
    this.#position ??= position;
    return this;
  }

  /** True for errors of any copy of this package that the program has loaded. */
  static isInstance(error: unknown): error is TemplateError {
    return codeOf(error) !== undefined;
  }
}

/** The code of an error of this package, also of another copy of it. */
export function codeOf(error: unknown): TemplateErrorCode | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  return (error as { [marker]?: TemplateErrorCode })[marker];
}
