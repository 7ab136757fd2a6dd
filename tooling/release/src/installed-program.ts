import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { PackedPackage } from "./packed-package.js";

/** A package and those of this repository that an installation of it brings: what it depends on, and binaries that are there. */
export function withDependencies(packages: readonly PackedPackage[], name: string): PackedPackage[] {
  const all = new Map(packages.map((packed) => [packed.manifest.name, packed]));
  const needed = new Map<string, PackedPackage>();
  const visit = (wanted: string): void => {
    const packed = all.get(wanted);
    if (packed === undefined || needed.has(wanted)) return;
    needed.set(wanted, packed);
    for (const dependency of Object.keys({ ...packed.manifest.dependencies, ...packed.manifest.optionalDependencies })) visit(dependency);
  };
  visit(name);
  return [...needed.values()];
}

/** What an installed command line takes. */
export interface InstalledSize {
  /** Bytes of all files below node_modules. */
  readonly bytes: number;
  /** Packages that are not this repository's. */
  readonly foreignPackages: number;
}

const limits = { bytes: 60e6, foreignPackages: 40 };

/** Counts what lies in the node_modules of a folder. */
export function installedSize(folder: string): InstalledSize {
  const modules = join(folder, "node_modules");
  const names = readdirSync(modules).filter((name) => !name.startsWith("."));
  const foreign = names.flatMap((name) => {
    if (name === "@elastic-attention") return [];
    return name.startsWith("@") ? readdirSync(join(modules, name)) : [name];
  });
  const files = readdirSync(modules, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return { bytes, foreignPackages: foreign.length };
}

/** Which limits an installation exceeds; empty when none. */
export function sizeProblems({ bytes, foreignPackages }: InstalledSize): string[] {
  console.log(`Installed: ${(bytes / 1e6).toFixed(1)} MB (60 at most), ${foreignPackages} packages of others (40 at most)`);
  return [
    ...(bytes > limits.bytes ? [`The installed command line takes ${(bytes / 1e6).toFixed(1)} MB, more than 60 MB.`] : []),
    ...(foreignPackages > limits.foreignPackages ? [`The installed command line brings ${foreignPackages} packages of others, more than 40.`] : []),
  ];
}

/**
 * Runs the demo as somebody who installed the command line, with nothing on the path but Node.js; returns what failed.
 *
 * @param started when the installation began, of `performance.now()`
 */
export function demoProblems(folder: string, started: number): string[] {
  const program = join(folder, "node_modules", "@elastic-attention", "cli", "dist", "main.js");
  const installed = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "demo", "--tokens", "600", "--json"], {
    cwd: folder,
    env: { PATH: dirname(process.execPath), HOME: folder },
    encoding: "utf8",
    timeout: 300_000,
  });
  if (status !== 0) return [`The installed demo ended with ${status}: ${stderr.trim().split("\n").slice(-5).join(" ")}`];
  const { found, model } = JSON.parse(stdout) as { found: boolean; model: { backend: string } };
  const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
  console.log(`Installed in ${seconds(started, installed)}; the demo answered on ${model.backend} ${seconds(installed, performance.now())} later`);
  return found ? [] : ["The installed demo gave a wrong answer."];
}
