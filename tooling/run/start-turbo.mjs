import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./esbuild.mjs";

/** Starts turbo in the root of the workspace, without its telemetry, which no file of a workspace can turn off. */
export function startTurbo(args, stdio) {
  return spawn(join(root, "node_modules", ".bin", "turbo"), args, {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
    stdio,
  });
}
