/**
 * Whether a stream is a terminal on which a line can be drawn over. A terminal that calls itself dumb, an editor's shell or a log
 * of a build, shows control sequences as they are: it gets lines, as a file does.
 */
export function canRedraw({ isTTY }: Pick<NodeJS.WriteStream, "isTTY">): boolean {
  return isTTY && process.env["TERM"] !== "dumb";
}
