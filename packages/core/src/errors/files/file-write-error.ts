import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A file that could not be written; what stood at its path before is unchanged where it is written whole. */
export class FileWriteError extends ElasticAttentionError {
  static {
    this.register("FileWriteError");
  }

  /** Why, in words: "no space left on device". */
  readonly problem: string;

  constructor(
    readonly path: string,
    cause: unknown,
  ) {
    const code = (cause as { code?: unknown }).code;
    const known = typeof code === "string" ? reasons[code] : undefined;
    const problem = known?.problem ?? (cause instanceof Error ? cause.message : String(cause));
    super("FILE_WRITE", `Cannot write ${path}: ${problem}.`, { hint: known?.hint ?? "Name another place, or make this one writable.", cause });
    this.problem = problem;
  }
}

const noRoom = "Make room, or name a place on another disk.";
const notAllowed = "Name another place, or make this one writable.";
const reasons: Readonly<Record<string, { readonly problem: string; readonly hint: string }>> = {
  ENOSPC: { problem: "no space left on device", hint: noRoom },
  EDQUOT: { problem: "the disk quota is exceeded", hint: noRoom },
  EACCES: { problem: "permission denied", hint: notAllowed },
  EPERM: { problem: "permission denied", hint: notAllowed },
  EROFS: { problem: "the file system is read-only", hint: notAllowed },
  ENOENT: { problem: "no such folder", hint: "Make the folder first, or name another place." },
  ENOTDIR: { problem: "a part of its path is no folder", hint: "Name another place." },
  EISDIR: { problem: "it is a folder", hint: "Name a file." },
};
