/** How expressions with commas between them are read. */
export interface TupleOptions {
  /** Whether `a if b else c` may stand in it; default true. */
  readonly withConditional?: boolean;
  /** Names that end it. */
  readonly endNames?: readonly string[];
  /** Whether it stands in parentheses, where it may be empty. */
  readonly inParentheses?: boolean;
}
