import { readFileSync } from "node:fs";

/** Source code that is always available: this program's own. */
export function ownSource(): string {
  return readFileSync(new URL(import.meta.url), "utf8");
}

/** The prompt that asks to continue source code. */
export function codePrompt(source: string): string {
  return `Here is some source code.\n${source}\nContinue the text.`;
}
