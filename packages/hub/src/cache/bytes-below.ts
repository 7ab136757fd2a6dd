import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { orMissing } from "./or-missing.js";

/** Bytes of the files below a folder, not of what links lead to. */
export async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of (await orMissing(readdir(folder, { recursive: true, withFileTypes: true }))) ?? []) {
    if (entry.isFile()) bytes += (await orMissing(lstat(join(entry.parentPath, entry.name))))?.size ?? 0;
  }
  return bytes;
}
