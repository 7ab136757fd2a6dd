/** What a text stands for, or the part of it that stands for nothing. */
export type Reading<Value> = { readonly value: Value } | { readonly found: string };

/** The values that an option takes. */
export interface ValueType<Value> {
  /** What is allowed, in words that follow "must be": "between 0 and 1". */
  readonly allowed: string;
  /** The same in a few words for help; absent where the option's description says it. */
  readonly range?: string;
  /** The words that may be chosen, where there is a fixed set of them. */
  readonly choices?: readonly string[];
  /**
   * How a value is written on a command line: "flag" by the option's name alone, "once" by one text, "repeated" by one text
   * each time that the option is given, "several" by the texts that follow it.
   */
  readonly form: "flag" | "once" | "repeated" | "several";
  /** @param texts none for a flag, the last one for "once", else all of them */
  read(texts: readonly string[]): Reading<Value>;
  /** The value as one would write it, for help. */
  write(value: Value): string;
}

/** The type of an option's value. */
export type ValueOf<Type> = Type extends ValueType<infer Value> ? Value : never;
