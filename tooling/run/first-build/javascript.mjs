import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loadEsbuild } from "../esbuild.mjs";

/**
 * Compiles the JavaScript of packages into their dist folders: what tsup makes of the same settings, without
 * declarations, which cost most of its time and which nobody needs to run a program.
 */
export async function buildJavaScript(packages) {
  const esbuild = loadEsbuild();
  await Promise.all(packages.filter(({ folder }) => existsSync(join(folder, "tsup.config.ts"))).map((one) => buildPackage(esbuild, one)));
}

async function buildPackage(esbuild, { folder, dependencies }) {
  const { entry, target, platform, format, splitting, sourcemap } = await readSettings(esbuild, folder);
  const dist = join(folder, "dist");
  const { metafile } = await esbuild.build({
    absWorkingDir: folder,
    entryPoints: entry,
    outdir: dist,
    bundle: true,
    format: format[0],
    target,
    platform,
    splitting,
    sourcemap,
    metafile: true,
    external: dependencies.flatMap((name) => [name, `${name}/*`]),
    logLevel: "silent",
  });
  removeStaleChunks(dist, new Set(Object.keys(metafile.outputs).map((path) => path.slice("dist/".length))));
}

/** tsup's settings of a package: its tsup.config.ts, bundled with what it imports. */
async function readSettings(esbuild, folder) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(folder, "tsup.config.ts")],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    logLevel: "silent",
  });
  const module = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
  return module.default;
}

/** Shared chunks are named by their content: those of an earlier build would stay for ever. */
function removeStaleChunks(dist, written) {
  for (const name of readdirSync(dist)) {
    if (/^chunk-.*\.js(\.map)?$/.test(name) && !written.has(name)) rmSync(join(dist, name));
  }
}
