import { fileURLToPath } from "node:url";
import { guardAddon, loadAddon, type LoadedAddon } from "@elastic-attention/addon";
import { CommunicatorError } from "@elastic-attention/core";

/** An addon of this package, and what it must export. */
export interface CommunicatorAddon {
  readonly name: string;
  readonly exports: readonly string[];
  /** What makes the file, in words. */
  readonly build: string;
}

/** The addon, whose functions throw and reject with CommunicatorError, or why it cannot be used. */
export function findAddon<Addon extends object>({ name, exports, build }: CommunicatorAddon): LoadedAddon<Addon> {
  // `build` lies one level above `src` and `dist` alike.
  const path = fileURLToPath(new URL(`../build/Release/${name}.node`, import.meta.url));
  const loaded = loadAddon<Addon>({ path, exports, build });
  return loaded.addon === undefined ? loaded : { addon: guardAddon(loaded.addon, communicatorFailure) };
}

function communicatorFailure(_operation: string, error: unknown): CommunicatorError {
  return new CommunicatorError(error instanceof Error ? error.message : String(error), { cause: error });
}
