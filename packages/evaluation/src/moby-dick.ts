import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

/** Herman Melville's Moby-Dick (1851, public domain) from its first chapter on: the text that needs no file. */
export function mobyDick(): string {
  // Sources lie in src/ and builds in dist/, both one level below the package, beside books/.
  return brotliDecompressSync(readFileSync(new URL("../books/moby-dick.txt.br", import.meta.url))).toString("utf8");
}
