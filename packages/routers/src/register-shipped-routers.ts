import { existsSync } from "node:fs";
import { registerRouters } from "@elastic-attention/transformer";
import { knownRouters } from "./shipped-routers.js";

/** Makes the routers of this package known: checkpoints that they belong to have them from then on. A program in one file has none. */
export function registerShippedRouters(): void {
  for (const routers of knownRouters()) if (existsSync(routers.path)) registerRouters(routers);
}
