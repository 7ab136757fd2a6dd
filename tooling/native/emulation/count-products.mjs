// Counts the instructions that products take on 64-bit ARM, by kernel, in qemu; ends with 1 where a kernel saves less than it must:
//   node tooling/native/emulation/count-products.mjs
// Needs qemu-aarch64 with plugins (Debian: apt-get install qemu-user) and a C compiler; zig comes from npm.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findZig } from "../zig.mjs";
import { emulator } from "./emulator.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../../..");
const folder = join(root, "build/emulation");
const plugin = join(folder, "count_instructions.so");
const program = join(folder, "counted_products");

/** Kernels by product, and the largest share of the plain loops' instructions that each may take. */
const products = {
  "512-cube": { name: "cube", kernels: { plain: 1, neon: 1 / 3, bf16: 1 / 5 } },
  "a row by Q8_0 weights": { name: "bytes", kernels: { plain: 1, neon: 1, dot: 1 / 5 } },
};

mkdirSync(folder, { recursive: true });
run("cc", ["-O2", "-shared", "-fPIC", "-o", plugin, join(here, "count_instructions.c")]);
buildProgram();

const rows = [];
let enough = true;
for (const [title, { name, kernels }] of Object.entries(products)) {
  run(emulator.command, ["-cpu", "max", program, name, "check"]);
  const none = instructions(name, "none");
  const plain = instructions(name, "plain") - none;
  for (const [kernel, most] of Object.entries(kernels)) {
    const count = instructions(name, kernel) - none;
    rows.push({ product: title, kernel, instructions: count, share: (count / plain).toFixed(3), "at most": most.toFixed(3) });
    enough &&= count <= most * plain;
  }
}
console.table(rows);
process.exit(enough ? 0 : 1);

/** One program with the kernels' own sources, each compiled as the addon has it. */
function buildProgram() {
  const native = join(root, "packages/cpu/native");
  const parts = {
    "floats/kernels_plain.cpp": [],
    "blocks/levels/block_product_plain.cpp": [],
    "blocks/levels/block_product_dot.cpp": ["-mcpu=generic+dotprod"],
    "gemm/panel_dot_neon.cpp": ["-mcpu=generic+bf16"],
    "floats/kernel_table.cpp": [],
    "core/scratch.cpp": [],
    "../test/native/counted_products.cpp": [],
  };
  const objects = Object.entries(parts).map(([source, options], index) => {
    const object = join(folder, `part-${index}.o`);
    const includes = [native, join(root, "packages/addon/native")].map((path) => `-I${path}`);
    run(findZig(), ["c++", "-target", "aarch64-linux-musl", "-std=gnu++20", "-O3", "-ffp-contract=fast", "-fno-math-errno", ...options, ...includes, "-c", join(native, source), "-o", object]);
    return object;
  });
  run(findZig(), ["c++", "-target", "aarch64-linux-musl", "-static", ...objects, "-o", program]);
}

function instructions(product, kernel) {
  const { status, stderr, error } = spawnSync(emulator.command, ["-cpu", "max", "-plugin", plugin, program, product, kernel], { encoding: "utf8" });
  const count = Number(/(\d+) instructions/.exec(stderr ?? "")?.[1]);
  if (status !== 0 || !(count > 0)) fail(`${product} ${kernel} ended with ${status ?? error?.message}: ${stderr}`);
  return count;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) fail(`${command} ${args.join(" ")} ended with ${status ?? error?.message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
