// Runs the tests of the cpu backend on 64-bit ARM, emulated by qemu, with the binary that build-platform.mjs made:
//   node tooling/native/emulation/run-suite.mjs [WORDS]      of those tests whose name has the words
// Needs qemu-aarch64 and the libraries of that processor (Debian: apt-get install qemu-user libstdc++6-arm64-cross).
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { emulator } from "./emulator.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const addon = join(root, "packages/cpu/build/platforms/linux-arm64-gnu/elastic_attention_cpu.node");
const folder = join(root, "build/emulation");
const suite = join(folder, "suite.mjs");

if (!existsSync(addon)) fail(`${addon} is not built: node ../../tooling/native/build-platform.mjs linux-arm64-gnu in packages/cpu builds it.`);
mkdirSync(folder, { recursive: true });
const kernels = join(root, "packages/cpu/test/kernels");
// Loops are read in the disassembly of this machine's own addon.
const tests = readdirSync(kernels, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts") && !name.endsWith("inner-loops.test.ts"))
  .map((name) => join(kernels, name));
run(process.execPath, [join(root, "tooling/run/bundle-suite.mjs"), suite, ...tests, join(root, "packages/cpu/test/cpu-level.test.ts")]);
const { status } = spawnSync(emulator.command, [...(await emulator.withNode(folder)), suite, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, ELASTIC_ATTENTION_CPU_ADDON: addon },
});
process.exit(status ?? 1);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) fail(`${command} ended with ${status ?? error?.message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
