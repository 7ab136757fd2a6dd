import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Whether the addon in this state has been loaded by a child process of this version of Node before. */
export function probePassed(path: string, state: string): boolean {
  try {
    return readFileSync(recordOf(path), "utf8") === passed(state);
  } catch {
    return false;
  }
}

/** Keeps what {@link probePassed} asks for; where nothing can be written, every process probes for itself. */
export function rememberProbe(path: string, state: string): void {
  try {
    const record = recordOf(path);
    mkdirSync(dirname(record), { recursive: true });
    writeFileSync(record, passed(state));
  } catch {
    // A probe takes some 50 milliseconds: not worth an error.
  }
}

function passed(state: string): string {
  return `${process.version} ${process.arch} ${state}`;
}

/** One small file for each path, in the user's own cache. */
function recordOf(path: string): string {
  const folder = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(folder, "elastic-attention", "addons", createHash("sha256").update(path).digest("hex").slice(0, 32));
}
