import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PackedPackage } from "./packed-package.js";

/** Installs the packed packages, and others by their versions, into a folder with npm, as a user would, without build scripts. */
export function installPackages(packages: readonly PackedPackage[], folder: string, others: Readonly<Record<string, string>> = {}): void {
  const packed = Object.fromEntries(packages.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]));
  const dependencies = { ...packed, ...others };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }, null, 2));
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Loads every library from outside the workspace and starts every program; returns what failed. */
export function loadProblems(packages: readonly PackedPackage[], folder: string): string[] {
  return packages.flatMap(({ manifest }) => {
    // A package of files alone, as a page is, has nothing to import.
    if (manifest.bin === undefined && !Object.hasOwn(manifest.exports ?? {}, ".")) return [];
    const commands =
      manifest.bin === undefined
        ? [[process.execPath, "--input-type=module", "--eval", `await import("${manifest.name}");`]]
        : Object.keys(manifest.bin).map((name) => [join(folder, "node_modules", ".bin", name), "--version"]);
    return commands.flatMap(([command = "", ...args]) => {
      try {
        execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
        return [];
      } catch (error) {
        const { stderr, message } = error as Error & { stderr?: string };
        return [`${manifest.name} does not load outside the workspace: ${stderr?.trim() || message}`];
      }
    });
  });
}
