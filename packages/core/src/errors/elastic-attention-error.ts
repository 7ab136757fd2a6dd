import { errorClassNamed, type ErrorClass, markerOf, registerErrorClass } from "./error-classes.js";

/**
 * Base of every error this project throws on purpose. `code` is stable and meant for programs, `message` for people,
 * `hint` says what to do next.
 *
 * A subclass registers its name, so that {@link ElasticAttentionError.isInstance} recognises its errors when two copies of
 * a package are installed, and an engine in a worker thread gives them back as what they were:
 *
 * ```ts
 * class UnknownVoiceError extends ElasticAttentionError {
 *   static {
 *     this.register("UnknownVoiceError");
 *   }
 * }
 * ```
 */
export class ElasticAttentionError extends Error {
  static {
    this.register("ElasticAttentionError");
  }

  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(options.hint === undefined ? message : `${message}\n  hint: ${options.hint}`, { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }

  /** The message without the hint: for an error of another class that says the same. */
  get reason(): string {
    const end = `\n  hint: ${this.hint}`;
    return this.message.endsWith(end) ? this.message.slice(0, -end.length) : this.message;
  }

  /** Whether `error` is of this class or a subclass of it, also when another copy of the package made it. */
  static isInstance<Class extends ErrorClass>(this: Class, error: unknown): error is InstanceType<Class> {
    const marker = markerOf(this);
    return error instanceof Error && (marker === undefined ? error instanceof this : marker in error);
  }

  /** Makes a class known by its name, once, in its static block. @throws Error when another class has the name */
  protected static register(this: ErrorClass, name: string): void {
    registerErrorClass(this, name);
  }

  /** The class that registered under a name in this thread. */
  static named(name: string): ErrorClass | undefined {
    return errorClassNamed(name);
  }
}
