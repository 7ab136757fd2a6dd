// What the bundlers share: packages from their sources, in one file for a Node.js without npm.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { loadEsbuild, root } from "./esbuild.mjs";

export { root };
export const fromRoot = createRequire(resolve(root, "package.json"));

/** Bundles into `outfile`; `source` is the entry, and what else esbuild is to know. */
export async function bundle(outfile, source) {
  await loadEsbuild().build({
    ...source,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    outfile,
    conditions: ["source"],
    // Bundled CommonJS may still ask for node's own modules.
    banner: { js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);' },
    // Packages register themselves and test files have effects when they are imported, whatever their manifests say.
    ignoreAnnotations: true,
    logLevel: "warning",
  });
}
