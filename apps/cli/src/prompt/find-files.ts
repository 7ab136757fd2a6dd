import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidRequestError } from "@elastic-attention/core";

/** Most files of one prompt. */
const mostFiles = 10_000;

/** A file that a prompt is made of. */
export interface FoundFile {
  /** As it was named, or below the folder that was named. */
  readonly path: string;
  readonly bytes: number;
  /** Whether it was found in a folder, rather than named. */
  readonly inFolder: boolean;
}

/**
 * Files and folders in the order given; the files of a folder by their names, those of folders in it where their folder's name
 * stands. What begins with a dot, and node_modules, is left out; links to folders are not followed.
 *
 * @throws InvalidRequestError for folders without files, for devices and for too many files; the system's error for a path that is not there
 */
export function findFiles(paths: readonly string[]): readonly FoundFile[] {
  const files: FoundFile[] = [];
  const add = (file: FoundFile) => {
    if (files.push(file) > mostFiles) throw new InvalidRequestError(`--file names more than ${mostFiles} files.`, "Name fewer, or a smaller folder.");
  };
  for (const path of paths) {
    const status = statSync(path);
    if (status.isBlockDevice() || status.isCharacterDevice()) throw new InvalidRequestError(`${path} is a device.`, "Name a file or a folder.");
    if (!status.isDirectory()) {
      add({ path, bytes: status.size, inFolder: false });
      continue;
    }
    const before = files.length;
    walk(path, add);
    if (files.length === before) throw new InvalidRequestError(`${path} is a folder without files.`, "Name a file, or a folder of text files.");
  }
  return files;
}

function walk(folder: string, add: (file: FoundFile) => void): void {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith(".") && name !== "node_modules");
  // "chapter 2" comes before "chapter 10", on every machine.
  const order = new Intl.Collator("en", { numeric: true }).compare;
  for (const entry of entries.sort((left, right) => order(left.name, right.name))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      walk(path, add);
      continue;
    }
    const status = statSync(path, { throwIfNoEntry: false });
    if (status?.isFile() === true) add({ path, bytes: status.size, inFolder: true });
  }
}
