import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the workspace. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The esbuild that tsup brings, so that every build of the workspace uses one version. */
export function loadEsbuild() {
  const fromTsup = createRequire(createRequire(resolve(root, "tooling/tsup/package.json")).resolve("tsup"));
  return fromTsup("esbuild");
}
