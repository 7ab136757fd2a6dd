import { statfs } from "node:fs/promises";
import { DiskFullError } from "@elastic-attention/core";

/** @throws DiskFullError where the disk of `folder` has fewer than `bytes` free */
export async function checkFreeSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes) throw new DiskFullError(folder, bytes);
}

/** Runs `work`; a disk or quota that is full meanwhile is an error of its own. @throws DiskFullError */
export async function orDiskFull<Result>(folder: string, bytes: number, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException | null)?.code;
    if (code === "ENOSPC" || code === "EDQUOT") throw new DiskFullError(folder, bytes, error);
    throw error;
  }
}
