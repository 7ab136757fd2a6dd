import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Violation } from "../violation.js";
import type { Workspace } from "../workspace.js";

/** Beyond this a file has more than one subject, as a rule. */
export const maximumFileLines = 300;

const sourceFile = /\.(?:[cm]?[jt]s|cc|cpp|cu|cuh|h|hpp|py)$/;
/** A table has one subject however long it is; its name says that it is one. */
const table = /(?:^|-|_)tables?\./;

/** Lines of every source file that is no table. */
export function fileLengths(workspace: Pick<Workspace, "root" | "files">): ReadonlyMap<string, number> {
  const files = workspace.files.filter((file) => sourceFile.test(file) && !table.test(basename(file)));
  return new Map(files.map((file) => [file, lineCount(readFileSync(join(workspace.root, file), "utf8"))]));
}

export function checkFileLength(workspace: Workspace): Violation[] {
  return Array.from(fileLengths(workspace)).flatMap(([file, lines]) => {
    if (lines <= maximumFileLines) return [];
    const message = `${lines} lines, above ${maximumFileLines}: split it by subject.`;
    return [{ file, line: maximumFileLines + 1, rule: "file-length", message }];
  });
}

function lineCount(text: string): number {
  const newlines = text.split("\n").length - 1;
  return text === "" || text.endsWith("\n") ? newlines : newlines + 1;
}
