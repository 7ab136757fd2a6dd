// Bundles test files with a small runner into one file, for machines without npm:
//   node tooling/run/bundle-suite.mjs OUT.mjs TEST.ts...      then there: node OUT.mjs
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const fromRoot = createRequire(resolve(root, "package.json"));
const fromVitest = createRequire(fromRoot.resolve("vitest/package.json"));
const fromExpect = createRequire(fromVitest.resolve("@vitest/expect"));
const fromTsup = createRequire(createRequire(resolve(root, "tooling/tsup/package.json")).resolve("tsup"));
const { build } = fromTsup("esbuild");

const [out, ...files] = process.argv.slice(2);
if (out === undefined || files.length === 0) {
  console.error("Usage: node tooling/run/bundle-suite.mjs OUT.mjs TEST.ts...");
  process.exit(1);
}
await build({
  stdin: { contents: files.map((file) => `import ${JSON.stringify(resolve(file))};`).join("\n"), resolveDir: root },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  outfile: out,
  conditions: ["source"],
  alias: {
    vitest: resolve(root, "tooling/run/portable-vitest.mjs"),
    "@vitest/expect": fromVitest.resolve("@vitest/expect"),
    chai: fromExpect.resolve("chai"),
  },
  // Bundled CommonJS may still ask for node's own modules.
  banner: { js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);' },
  // Test files have effects, whatever their package says.
  ignoreAnnotations: true,
  logLevel: "warning",
});
