import { existsSync } from "node:fs";
import { createRequire } from "node:module";
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
  try {
    return { path: createRequire(from).resolve(`${platformPackage}/${file}`), build: `install it again: npm install ${platformPackage}` };
  } catch {
    return { path: undefined, build: missingPackage(name, platformPackage) };
  }
}

function missingPackage(name: AddonPlaces["name"], platformPackage: string): string {
  const published = publishedPlatforms[name];
  if (published.includes(platformName())) {
    return `the package ${platformPackage} is not installed; \`npm install ${platformPackage}\` brings it (installs with --omit=optional leave it out)`;
  }
  return `no binary is published for ${platformName()}, only for ${published.join(", ")}; build it in a clone of the repository, or use the reference backend`;
}
