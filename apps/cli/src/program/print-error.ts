import { ElasticAttentionError } from "@elastic-attention/core";

/** Says on standard error what went wrong and what to do; only an error that nobody expected comes with its stack. */
export function printError(error: unknown): void {
  if (ElasticAttentionError.isInstance(error)) console.error(`error: ${error.message}`);
  else if (isSystemError(error)) console.error(`error: ${inWords(error)}${hintFor(error)}`);
  else console.error(error);
}

/** A file that is not there, a disk that is full. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

const words: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "goes through a file as if it were a folder",
  EISDIR: "is a folder",
  EACCES: "may not be opened",
};

/** What the system says, or the path and plain words; the code stays for those who search for it. */
function inWords({ code = "", path, message }: NodeJS.ErrnoException): string {
  const what = words[code];
  return what === undefined || path === undefined ? message : `${path} ${what} (${code}).`;
}

const hints: Readonly<Record<string, string>> = {
  ENOENT: "Check the path.",
  ENOTDIR: "A part of the path is a file where a folder is needed.",
  EISDIR: "Name a file, not a folder.",
  EEXIST: "Choose another name, or remove what is there.",
  EACCES: "Check the permissions of the path.",
  EPERM: "Check the permissions of the path.",
  EROFS: "The file system can only be read: choose another place.",
  ENOSPC: "The disk is full: free some space, or choose another place.",
  EMFILE: "Too many files are open: raise the limit with `ulimit -n`.",
};

function hintFor({ code = "", path }: NodeJS.ErrnoException): string {
  const hint = hints[code];
  if (hint === undefined) return "";
  const start = code === "ENOENT" && path !== undefined && !path.startsWith("/") ? ` Relative paths start at ${process.cwd()}.` : "";
  return `\n  hint: ${hint}${start}`;
}
