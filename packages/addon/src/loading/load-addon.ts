import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { probeAddon } from "./probe-addon.js";

/** An addon file, and what its callers rely on. */
export interface AddonSource {
  readonly path: string;
  /** Functions that it must export; a file without one of them was built from other sources. */
  readonly exports: readonly string[];
  /** What makes the file, in words: "run `pnpm build`, which needs cmake, make and g++". */
  readonly build: string;
}

/** The addon, or why it cannot be used and what to do about it. */
export type LoadedAddon<Addon> =
  | { readonly addon: Addon; readonly problem?: undefined }
  | { readonly addon?: undefined; readonly problem: string };

/** What this thread has loaded, or has found out about a file, by path and state of the file. */
const known = new Map<string, LoadedAddon<unknown>>();

/**
 * Loads an addon. A file that is new to this machine is loaded in a child process first, so that a damaged one ends the
 * child and not its host; files that came through this are remembered.
 */
export function loadAddon<Addon>(source: AddonSource): LoadedAddon<Addon> {
  const file = statSync(source.path, { throwIfNoEntry: false });
  if (file === undefined) return { problem: `its addon is not built (${source.path} is missing): ${source.build}` };
  const state = `${source.path} ${file.size} ${file.mtimeMs}`;
  const loaded = known.get(state) ?? load(source, state);
  known.set(state, loaded);
  return loaded as LoadedAddon<Addon>;
}

/** The path of an addon: what the environment variable names, unless it is empty, or else where it is built. */
export function addonPathFrom(variable: string, built: string): string {
  return process.env[variable] || built;
}

function load(source: AddonSource, state: string): LoadedAddon<unknown> {
  const { path } = source;
  const problem = probeAddon(path, state);
  if (problem !== undefined) return { problem: `its addon does not load (${path}): ${problem}; ${source.build}` };
  let addon: Record<string, unknown>;
  try {
    addon = createRequire(import.meta.url)(path) as Record<string, unknown>;
  } catch (error) {
    return { problem: `its addon does not load (${path}): ${error instanceof Error ? error.message : String(error)}; ${source.build}` };
  }
  const missing = source.exports.filter((name) => typeof addon[name] !== "function");
  if (missing.length === 0) return { addon };
  const names = missing.slice(0, 3).join(", ") + (missing.length > 3 ? ` and ${missing.length - 3} more` : "");
  return { problem: `its addon (${path}) is of another version: it has no ${names}; ${source.build}` };
}
