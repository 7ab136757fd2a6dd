import { readFileSync } from "node:fs";
import { relative } from "node:path";

const root = import.meta.dirname;
const { repository, homepage, bugs, keywords } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** Packed packages have no sources: the condition that points to them is for this workspace alone. */
function withoutSourceCondition(target) {
  if (typeof target !== "object" || target === null) return target;
  return Object.fromEntries(
    Object.entries(target)
      .filter(([condition]) => condition !== "source")
      .map(([key, value]) => [key, withoutSourceCondition(value)]),
  );
}

/** The binaries of a native package, one package a platform; a package manager installs the one that fits. */
function platformPackages({ name, version, platforms = [] }) {
  return Object.fromEntries(platforms.map((platform) => [`${name}-${platform}`, version]));
}

export const hooks = {
  beforePacking(manifest, folder) {
    const { platforms: _, ...published } = manifest;
    const optionalDependencies = { ...manifest.optionalDependencies, ...platformPackages(manifest) };
    return {
      ...published,
      ...(manifest.files && { files: [...manifest.files, ...(manifest.files.includes("NOTICE") ? [] : ["NOTICE"])] }),
      exports: withoutSourceCondition(manifest.exports),
      ...(Object.keys(optionalDependencies).length > 0 && { optionalDependencies }),
      repository: { ...repository, ...(typeof folder === "string" && { directory: relative(root, folder) }) },
      homepage,
      bugs,
      keywords,
    };
  },
};
