import type { Entry } from "yauzl";
import { HostileArchiveError } from "@elastic-attention/core";
import { isInside } from "../connection/repository.js";

/** What an archive may hold. */
export interface ArchiveLimits {
  /** Bytes of all files together. */
  readonly bytes: number;
  /** Bytes of all files together for each byte of the archive. Texts are packed to a third or a tenth. */
  readonly ratio: number;
  readonly entries: number;
}

export const defaultLimits: ArchiveLimits = { bytes: 16 * 2 ** 30, ratio: 100, entries: 100_000 };

/** Bits of a Unix mode that say what an entry is. */
const kindBits = 0o170000;
const [regularFile, folder] = [0o100000, 0o040000];

/**
 * Checks what the archive's directory says before anything is written.
 *
 * @param size bytes of the archive
 * @returns bytes of all files together
 * @throws HostileArchiveError
 */
export function checkEntries(archive: string, size: number, entries: readonly Entry[], limits: ArchiveLimits): number {
  const refuse = (problem: string) => new HostileArchiveError(archive, problem);
  let total = 0;
  for (const { fileName, externalFileAttributes, uncompressedSize, ...entry } of entries) {
    if (!isInside(fileName.replace(/\/$/, ""))) throw refuse(`its entry ${JSON.stringify(fileName)} leaves its folder`);
    const kind = (externalFileAttributes >>> 16) & kindBits;
    if (kind !== 0 && kind !== regularFile && kind !== folder) throw refuse(`its entry ${JSON.stringify(fileName)} is a link or a device`);
    if ((entry.generalPurposeBitFlag & 1) === 1) throw refuse(`its entry ${JSON.stringify(fileName)} is encrypted`);
    total += uncompressedSize;
  }
  if (total > limits.bytes) throw refuse(`it holds ${total} bytes, and ${limits.bytes} are allowed`);
  if (total > limits.ratio * size) throw refuse(`it holds ${Math.round(total / size)} times its own size, and ${limits.ratio} times are allowed`);
  return total;
}
