import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const mostLines = 1000;

/** Lines typed in earlier conversations, the newest first; none where nothing was kept. */
export function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), "utf8").split("\n").filter((line) => line !== "").slice(0, mostLines);
  } catch {
    return [];
  }
}

/** Keeps lines for the next conversation, readable by their owner only; where nothing can be written, nothing is kept. */
export function keepHistory(lines: readonly string[]): void {
  try {
    const file = historyFile();
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${lines.slice(0, mostLines).join("\n")}\n`, { mode: 0o600 });
  } catch {
    // A conversation is not worth an error for this.
  }
}

function historyFile(): string {
  return join(process.env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "elastic-attention", "chat-history");
}
