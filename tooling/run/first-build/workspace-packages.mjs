import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../esbuild.mjs";

/** Manifests of all packages of the workspace by name, each with its folder. */
function allPackages() {
  const packages = new Map();
  for (const room of ["packages", "apps", "tooling"]) {
    for (const name of readdirSync(join(root, room))) {
      const folder = join(root, room, name);
      const manifest = join(folder, "package.json");
      if (existsSync(manifest)) {
        const content = JSON.parse(readFileSync(manifest, "utf8"));
        packages.set(content.name, { folder, manifest: content });
      }
    }
  }
  return packages;
}

/** The package of a name and everything of the workspace that it needs to run. */
export function packagesOf(name) {
  const all = allPackages();
  const needed = new Map();
  const visit = (wanted) => {
    const found = all.get(wanted);
    if (found === undefined || needed.has(wanted)) return;
    needed.set(wanted, found);
    for (const dependency of Object.keys(found.manifest.dependencies ?? {})) visit(dependency);
  };
  visit(name);
  return [...needed].map(([packageName, { folder, manifest }]) => ({
    name: packageName,
    folder,
    dependencies: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies }),
    /** Name of the file in dist that others import or start. */
    main: basename(manifest.exports?.["."]?.default ?? Object.values(manifest.bin ?? {})[0] ?? "index.js"),
  }));
}
