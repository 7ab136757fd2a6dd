/** A place in a template's text, as editors count: both from 1, columns in UTF-16 code units. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

/** @param offset of a UTF-16 code unit in `source`, whose lines end with `\n`, `\r\n` or `\r` */
export function positionOf(source: string, offset: number): SourcePosition {
  const before = source.slice(0, offset);
  const lines = before.split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}
