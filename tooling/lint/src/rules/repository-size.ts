import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Violation } from "../violation.js";
import { listFiles } from "../workspace.js";

const mebibyte = 1024 * 1024;
/** A clone stays small: the demo model is the one large thing in it, and routers of other checkpoints take some hundred KB. */
export const maximumRepositoryBytes = 38.5 * mebibyte;

/** The sum of the sizes of all tracked files. */
export function checkRepositorySize(root: string, maximumBytes = maximumRepositoryBytes): Violation[] {
  const sized = listFiles(root, { untracked: false }).map((file) => ({ file, bytes: lstatSync(join(root, file)).size }));
  const total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= maximumBytes) return [];
  const largest = sized.reduce((first, second) => (second.bytes > first.bytes ? second : first));
  const inMebibytes = (bytes: number): string => (bytes / mebibyte).toFixed(1);
  return [
    {
      file: largest.file,
      line: 1,
      rule: "repository-size",
      message:
        `tracked files add up to ${inMebibytes(total)} MiB, above ${inMebibytes(maximumBytes)}; ` +
        `this one, the largest, has ${inMebibytes(largest.bytes)}.`,
    },
  ];
}
