/** One build for every library package: ESM, declarations, Node 20. `entry` maps output names to source files. */
export function library(entry = { index: "src/index.ts" }) {
  return {
    entry,
    format: ["esm"],
    target: "node20",
    platform: "node",
    clean: true,
    sourcemap: true,
    splitting: true,
    dts: { compilerOptions: { ignoreDeprecations: "6.0", customConditions: [] } },
  };
}

/** The build of a program: as a library's, without declarations. Workspace packages stay imports of their own. */
export function application(entry) {
  return { ...library(entry), dts: false };
}
