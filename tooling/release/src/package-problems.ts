import type { PackedPackage } from "./packed-package.js";

/** What would be wrong with a package if it were published so; empty when nothing is. */
export function packageProblems({ manifest, files }: PackedPackage): string[] {
  const problems: string[] = [];
  for (const file of ["LICENSE", "NOTICE", "README.md"]) if (!files.has(file)) problems.push(`has no ${file}`);
  if (manifest.license !== "Apache-2.0") problems.push(`has the license ${String(manifest.license)}`);

  if (manifest.repository === undefined) problems.push("says nowhere where its sources are");

  const targets = [...exportTargets(manifest.exports, "exports"), ...exportTargets(manifest.bin, "bin")];
  if (targets.length === 0) problems.push("exports nothing");
  for (const { path, target } of targets) {
    if (/\["source"\]/.test(path)) problems.push(`${path} points to sources: the packing hook did not run`);
    else if (!files.has(target.replace(/^\.\//, ""))) problems.push(`${path} names ${target}, which is not packed`);
  }
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (version.includes(":")) problems.push(`depends on ${name} by "${version}", which means nothing to a registry`);
  }
  return problems;
}

interface ExportTarget {
  /** Where in package.json: `exports["."]["default"]`. */
  readonly path: string;
  readonly target: string;
}

function exportTargets(value: unknown, path: string): ExportTarget[] {
  if (typeof value === "string") return [{ path, target: value }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => exportTargets(inner, `${path}["${key}"]`));
}
