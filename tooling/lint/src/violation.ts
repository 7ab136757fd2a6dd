/** One broken rule, at a place a terminal or an editor can jump to. */
export interface Violation {
  /** Path from the repository root, with forward slashes. */
  readonly file: string;
  /** Line in the file, from 1. */
  readonly line: number;
  readonly rule: string;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

export function formatViolation({ file, line, rule, message }: Violation): string {
  return `${file}:${line}: ${message} [${rule}]`;
}
