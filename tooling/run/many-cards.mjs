// Measures a published shape on 2, 4 and 8 GPUs of this machine, as far as it has them, against one, and prints each table:
//   node tooling/run/many-cards.mjs [options of the benchmark cards]
import { spawnSync } from "node:child_process";
import { root } from "./bundle.mjs";

const { status, stdout } = spawnSync("nvidia-smi", ["-L"], { encoding: "utf8" });
const gpus = status === 0 ? stdout.split("\n").filter((line) => line.startsWith("GPU ")).length : 0;
const sizes = [2, 4, 8].filter((size) => size <= gpus);
console.log(`${gpus} GPU${gpus === 1 ? "" : "s"}: ${sizes.length === 0 ? "nothing to compare" : `runs on ${sizes.join(", ")}`}; not run here: ${[2, 4, 8].filter((size) => size > gpus).join(", ") || "none"}`);
let failed = false;
for (const size of sizes) {
  const run = spawnSync("npx", ["--yes", "pnpm@12.21.0", "bench", "cards", "--backend", "cuda", "--gpus", String(size), "--detail", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
  failed ||= run.status !== 0;
}
process.exitCode = failed ? 1 : 0;
