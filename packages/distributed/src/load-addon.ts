import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Loads an addon of this package; `build` lies one level above `src` and `dist` alike.
 *
 * @returns the addon, or why it cannot be loaded
 */
export function loadAddon(name: string, notBuilt: string): { readonly addon: unknown } | { readonly reason: string } {
  const path = fileURLToPath(new URL(`../build/Release/${name}.node`, import.meta.url));
  if (!existsSync(path)) return { reason: notBuilt };
  try {
    return { addon: createRequire(import.meta.url)(path) as unknown };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}
