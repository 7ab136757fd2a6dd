import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { probeAddon } from "./probe-addon.js";

/** An addon file, and what its callers rely on. */
export interface AddonSource {
  /** Undefined where no file was found. */
  readonly path: string | undefined;
  /** Functions that it must export; a file without one of them was built from other sources. */
  readonly exports: readonly string[];
  /** What makes the file, in words: "run `pnpm build`, which needs cmake, make and g++". */
  readonly build: string;
}

/** The addon, or why it cannot be used and what to do about it. */
export type LoadedAddon<Addon> =
  | { readonly addon: Addon; readonly problem?: undefined }
  | { readonly addon?: undefined; readonly problem: string };

type Exports = Readonly<Record<string, unknown>>;

/** What this thread has loaded, or has found out about a file, by path and state of the file. */
const known = new Map<string, LoadedAddon<Exports>>();

/**
 * Loads an addon. A file that is new to this machine is loaded in a child process first, so that a damaged one ends the
 * child and not its host; files that came through this are remembered.
 */
export function loadAddon<Addon>(source: AddonSource): LoadedAddon<Addon> {
  if (source.path === undefined) return { problem: `its addon is not installed: ${source.build}` };
  const path = resolve(source.path);
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return { problem: `its addon is not built (${path} is missing): ${source.build}` };
  const state = `${path} ${file.size} ${file.mtimeMs}`;
  const loaded = known.get(state) ?? load(path, state);
  known.set(state, loaded);
  const { addon, problem } = loaded;
  if (addon === undefined) return { problem: `its addon does not load (${path}): ${problem}; ${source.build}` };
  const missing = source.exports.filter((name) => typeof addon[name] !== "function");
  if (missing.length === 0) return { addon: addon as Addon };
  const names = missing.slice(0, 3).join(", ") + (missing.length > 3 ? ` and ${missing.length - 3} more` : "");
  return { problem: `its addon (${path}) is of another version: it has no ${names}; ${source.build}` };
}

function load(path: string, state: string): LoadedAddon<Exports> {
  const problem = probeAddon(path, state);
  if (problem !== undefined) return { problem };
  try {
    return { addon: createRequire(import.meta.url)(path) as Exports };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
