/** Declarations take most of a build and nothing in the workspace reads them: types come from the sources. Releases ask for them. */
const declarations = process.env["ELASTIC_ATTENTION_DECLARATIONS"] === "1";

/** One build for every library package: ESM, Node 20, declarations for a release. `entry` maps output names to source files. */
export function library(entry = { index: "src/index.ts" }) {
  return {
    entry,
    format: ["esm"],
    target: "node20",
    platform: "node",
    clean: true,
    sourcemap: true,
    splitting: true,
    dts: declarations && { compilerOptions: { ignoreDeprecations: "6.0", customConditions: [] } },
  };
}

/** The build of a program: as a library's, without declarations. Workspace packages stay imports of their own. */
export function application(entry) {
  return { ...library(entry), dts: false };
}
