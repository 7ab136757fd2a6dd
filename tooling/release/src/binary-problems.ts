import { readFileSync } from "node:fs";

/** What Node.js 20 itself asks for: machines with an older one cannot start it either. */
const newestGlibc = [2, 28] as const;

/** Libraries that an addon may not ask for: another machine has another version of them, or none. */
const foreignLibraries = /\b(libstdc\+\+\.so[.\d]*|libc\+\+\.so[.\d]*|libgcc_s\.so[.\d]*|libgomp\.so[.\d]*)/g;

/** What would keep a binary from loading on a platform that it is published for; empty when nothing is. */
export function binaryProblems(file: string, platform: string): string[] {
  // Names of versions and libraries are plain text in the file, so that no tool is needed that reads its format.
  const text = readFileSync(file, "latin1");
  if (!platform.startsWith("linux-")) return [];
  const libraries = [...new Set(Array.from(text.matchAll(foreignLibraries), ([name]) => name))];
  return [...glibcProblems(text, platform), ...libraries.map((name) => `asks for ${name}, which is to be linked into it`)];
}

function glibcProblems(text: string, platform: string): string[] {
  const versions = Array.from(text.matchAll(/\bGLIBC_(\d+)\.(\d+)/g), ([, major, minor]) => [Number(major), Number(minor)] as const);
  if (platform.endsWith("-musl")) return versions.length > 0 ? ["asks for glibc, and is meant for musl"] : [];
  const newest = versions.sort((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1);
  if (newest === undefined) return ["asks for no glibc, and is meant for it"];
  if (newest[0] === newestGlibc[0] && newest[1] <= newestGlibc[1]) return [];
  return [`asks for glibc ${newest.join(".")}, newer than ${newestGlibc.join(".")}: build-platform.mjs ${platform} builds one for older machines`];
}
