// Bundles test files, or all of a folder, with a small runner into one file, for machines without npm:
//   node tooling/run/bundle-suite.mjs OUT.mjs TEST.ts|FOLDER...      then there: node OUT.mjs [--jobs N] [WORDS]
import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { bundle, fromRoot, root } from "./bundle.mjs";

const fromVitest = createRequire(fromRoot.resolve("vitest/package.json"));
const fromExpect = createRequire(fromVitest.resolve("@vitest/expect"));

const [out, ...paths] = process.argv.slice(2);
if (out === undefined || paths.length === 0) {
  console.error("Usage: node tooling/run/bundle-suite.mjs OUT.mjs TEST.ts|FOLDER...");
  process.exit(1);
}
const files = paths.flatMap((path) => {
  if (!statSync(path).isDirectory()) return [path];
  const tests = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts"));
  return tests.toSorted().map((name) => resolve(path, name));
});
await bundle(out, {
  stdin: { contents: files.map((file) => `import ${JSON.stringify(resolve(file))};`).join("\n"), resolveDir: root },
  alias: {
    vitest: resolve(root, "tooling/run/portable-vitest.mjs"),
    "@vitest/expect": fromVitest.resolve("@vitest/expect"),
    chai: fromExpect.resolve("chai"),
  },
});
