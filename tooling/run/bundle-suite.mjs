// Bundles test files with a small runner into one file, for machines without npm:
//   node tooling/run/bundle-suite.mjs OUT.mjs TEST.ts...      then there: node OUT.mjs
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { bundle, fromRoot, root } from "./bundle.mjs";

const fromVitest = createRequire(fromRoot.resolve("vitest/package.json"));
const fromExpect = createRequire(fromVitest.resolve("@vitest/expect"));

const [out, ...files] = process.argv.slice(2);
if (out === undefined || files.length === 0) {
  console.error("Usage: node tooling/run/bundle-suite.mjs OUT.mjs TEST.ts...");
  process.exit(1);
}
await bundle(out, {
  stdin: { contents: files.map((file) => `import ${JSON.stringify(resolve(file))};`).join("\n"), resolveDir: root },
  alias: {
    vitest: resolve(root, "tooling/run/portable-vitest.mjs"),
    "@vitest/expect": fromVitest.resolve("@vitest/expect"),
    chai: fromExpect.resolve("chai"),
  },
});
