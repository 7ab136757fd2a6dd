// Loads the binary for linux-x64-musl as a machine without glibc does, every symbol at once; a small program stands for Node.js:
//   node tooling/native/emulation/load-musl.mjs
// Needs musl's loader (Debian: apt-get install musl); zig comes from npm.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findZig } from "../zig.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const addon = join(root, "packages/cpu/build/platforms/linux-x64-musl/elastic_attention_cpu.node");
const folder = join(root, "build/emulation");
const loader = "/lib/ld-musl-x86_64.so.1";
for (const file of [addon, loader]) if (!existsSync(file)) fail(`${file} is missing.`);

mkdirSync(folder, { recursive: true });
const { def_paths } = createRequire(join(root, "packages/cpu/package.json"))("node-api-headers");
const names = Object.values(def_paths).flatMap((path) => readFileSync(path, "utf8").split(/\s+/).filter((word) => /^(napi|node_api)_/.test(word)));
const source = join(folder, "loads.c");
const program = join(folder, "loads");
writeFileSync(
  source,
  `#include <dlfcn.h>
#include <stdio.h>
${[...new Set(names)].map((name) => `int ${name}(void) { return 0; }`).join("\n")}
int main(int count, char** words) {
  void* addon = dlopen(words[count - 1], RTLD_NOW);
  const char* problem = addon == NULL || dlsym(addon, "napi_register_module_v1") == NULL ? dlerror() : NULL;
  puts(problem == NULL ? "loads under musl" : problem);
  return problem == NULL ? 0 : 1;
}
`,
);
// Without optimisation zig adds a runtime of its own, which needs a newer musl than Debian's.
run(findZig(), ["cc", "-target", "x86_64-linux-musl", "-O2", "-fno-sanitize=undefined", "-dynamic", "-rdynamic", source, "-o", program]);
run(loader, [program, addon]);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) fail(`${command} ${args.join(" ")} ended with ${status ?? error?.message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
