import { readFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname } from "node:path";
import type * as Grammars from "@mlc-ai/web-xgrammar";

let loaded: typeof Grammars | undefined;

/**
 * The grammar library. It is a CommonJS file in a package that calls itself an ECMAScript module, so that neither `import` nor
 * `require` takes it in Node.js: it is compiled as what it is.
 */
export function loadGrammars(): typeof Grammars {
  if (loaded !== undefined) return loaded;
  const path = createRequire(import.meta.url).resolve("@mlc-ai/web-xgrammar");
  const module = new Module(path) as Module & { _compile(code: string, path: string): void };
  module.filename = path;
  module.paths = createRequire(path).resolve.paths(dirname(path)) ?? [];
  module._compile(readFileSync(path, "utf8"), path);
  loaded = module.exports as typeof Grammars;
  return loaded;
}
