/** What of jinja2's syntax can be chosen. */
export interface SyntaxOptions {
  /** Removes the first line end behind a block tag. */
  readonly trimBlocks: boolean;
  /** Removes white space from the beginning of a line up to a block tag. */
  readonly lstripBlocks: boolean;
  /** Keeps a line end at the end of the template. */
  readonly keepTrailingNewline: boolean;
}
