import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { platformName, publishedPlatforms } from "./platform.js";

/** An addon by the places where it may lie. */
export interface AddonPlaces {
  /** Which addon: `cpu` for `elastic_attention_cpu.node` and the packages `@elastic-attention/cpu-…`. */
  readonly name: keyof typeof publishedPlatforms;
  /** `import.meta.url` of the package that uses it, one level below the package's folder. */
  readonly from: string;
  /** What builds it in a clone, in words. */
  readonly build: string;
}

/** Where an addon is, or was looked for, and what to do when it is missing or does not load. */
export interface AddonFile {
  /** Undefined where nothing is installed for this platform. */
  readonly path: string | undefined;
  /** What to do when it is missing or does not load, in words. */
  readonly build: string;
}

/**
 * Finds an addon: the file that an environment variable names (`ELASTIC_ATTENTION_CPU_ADDON`; empty counts as not set), else
 * what a clone of the repository has built, else the file of this platform's package.
 */
export function findAddonFile({ name, from, build }: AddonPlaces): AddonFile {
  const variable = `ELASTIC_ATTENTION_${name.toUpperCase()}_ADDON`;
  const named = process.env[variable];
  if (named) return { path: named, build: `${variable} names this file; without it the installed one is used, or in a clone: ${build}` };
  const file = `elastic_attention_${name}.node`;
  const built = fileURLToPath(new URL(`../build/Release/${file}`, from));
  // Sources of the addon lie beside the package in a clone only.
  if (existsSync(built) || existsSync(fileURLToPath(new URL("../CMakeLists.txt", from)))) return { path: built, build };
  const platformPackage = `@elastic-attention/${name}-${platformName()}`;
  const path = installedFile(from, platformPackage, file);
  if (path === undefined) return { path, build: missingPackage({ name, from, platformPackage, file }) };
  // npm leaves a package alone whose version is right, whatever its file holds.
  return { path, build: `install it again: remove ${dirname(path)}, then \`npm install ${platformPackage}\`` };
}

function installedFile(from: string, platformPackage: string, file: string): string | undefined {
  try {
    return createRequire(from).resolve(`${platformPackage}/${file}`);
  } catch {
    return undefined;
  }
}

interface MissingPackage extends Pick<AddonPlaces, "name" | "from"> {
  readonly platformPackage: string;
  readonly file: string;
}

/** What was looked for, what is there instead, and the command that brings it. */
function missingPackage({ name, from, platformPackage, file }: MissingPackage): string {
  const published = publishedPlatforms[name];
  if (!published.includes(platformName())) {
    return `no binary is published for ${platformName()}, only for ${published.join(", ")}; build it in a clone of the repository, or use the reference backend`;
  }
  const others = published.filter((platform) => installedFile(from, `@elastic-attention/${name}-${platform}`, file) !== undefined);
  const found = others.length === 0 ? "" : ` (there is one for ${others.join(", ")}: node_modules was installed on another machine)`;
  return `the package ${platformPackage} is not installed${found}; \`npm install ${platformPackage}\` brings it (installs with --omit=optional leave it out)`;
}
