import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Violation } from "../violation.js";
import type { Workspace } from "../workspace.js";

/** Beyond this a file has more than one subject, as a rule: it is named in a warning. */
export const longFileLines = 400;
/** Beyond this the check fails. */
export const maximumFileLines = 500;

const sourceFile = /\.(?:[cm]?[jt]s|cc|cpp|cu|cuh|h|hpp|py)$/;

export interface FileLengths {
  readonly violations: readonly Violation[];
  /** Lines to print that fail nothing. */
  readonly warnings: readonly string[];
}

export function checkFileLength(workspace: Workspace): FileLengths {
  const violations: Violation[] = [];
  const warnings: string[] = [];
  for (const file of workspace.files) {
    if (!sourceFile.test(file)) continue;
    const lines = lineCount(readFileSync(join(workspace.root, file), "utf8"));
    if (lines > maximumFileLines) {
      const message = `${lines} lines, above ${maximumFileLines}: split it by subject.`;
      violations.push({ file, line: maximumFileLines + 1, rule: "file-length", message });
    } else if (lines > longFileLines) {
      warnings.push(`${file}: ${lines} lines, above ${longFileLines}: does it have one subject?`);
    }
  }
  return { violations, warnings };
}

function lineCount(text: string): number {
  const newlines = text.split("\n").length - 1;
  return text === "" || text.endsWith("\n") ? newlines : newlines + 1;
}
