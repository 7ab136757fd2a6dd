// Bundles the command line into one file, for machines without npm:
//   node tooling/run/bundle-cli.mjs OUT/bin/cli.mjs      then there: node OUT/bin/cli.mjs eval ruler --model FOLDER
// Beside it come a manifest and the book that prompts are made from. Addons are named by ELASTIC_ATTENTION_CPU_ADDON and
// ELASTIC_ATTENTION_CUDA_ADDON.
import { cpSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { bundle, root } from "./bundle.mjs";

const [out] = process.argv.slice(2);
if (out === undefined) {
  console.error("Usage: node tooling/run/bundle-cli.mjs OUT/bin/cli.mjs");
  process.exit(1);
}
await bundle(out, { entryPoints: [resolve(root, "apps/cli/src/main.ts")] });
// The command line reads its version one folder above itself.
const folder = dirname(dirname(resolve(out)));
const { name, version } = createRequire(resolve(root, "apps/cli/package.json"))("./package.json");
writeFileSync(resolve(folder, "package.json"), JSON.stringify({ name, version, type: "module" }));

// The book, where the bundle looks for it.
cpSync(resolve(root, "packages/evaluation/books"), resolve(folder, "books"), { recursive: true });
