// Runs the smallest grids of the CUDA kernels under compute-sanitizer's four tools, on a GPU machine:
//   node tooling/run/bundle-suite.mjs SUITE.mjs packages/cuda/test
//   node tooling/run/sanitize-suite.mjs SUITE.mjs [SECONDS for each run, default 60] [RUNS at a time, default 8]
import { spawn } from "node:child_process";

const [suite, seconds = "60", atATime = "8"] = process.argv.slice(2);
if (suite === undefined) {
  console.error("Usage: node tooling/run/sanitize-suite.mjs SUITE.mjs [SECONDS] [RUNS]");
  process.exit(1);
}

const tools = ["memcheck", "racecheck", "synccheck", "initcheck"];
/** Words of test names: one small test for each kernel family. */
const families = [
  ["decode", "a second run gives the same bits"],
  ["router", "the router of cuda > with float32"],
  ["tiles", "70 sequences in one call"],
  ["estimate", "XAttention chooses as the reference does"],
  ["dual forward", "both sides of attention in one pass > head_dim 128"],
  ["backward", "gradients in tiles of 128 keys > head_dim 128"],
  ["plain backward", "attention's backward of cuda > head_dim 64, group 1, lengths 1,1"],
  ["gates", "gates of cuda > in f32"],
  ["losses", "gradients of float kernels of cuda > in f32 > crossEntropy [3, 17]"],
  ["norms", "gradients of float kernels of cuda > in f32 > rmsNormBackward [3, 64]"],
];
/**
 * Kernels whose producers hand data over by mbarriers, which racecheck does not follow: what it reports of them is shown,
 * and is no failure.
 */
const orderedByBarriers = ["decode_attention", "attention_forward", "attention_backward", "estimate_scores"];

const runs = families.flatMap(([family, words]) => tools.map((tool) => ({ family, words, tool })));
let failures = 0;

/** One run; a line about it. */
function check({ family, words, tool }) {
  return new Promise((done) => {
    const command = ["--error-exitcode", "9", "--tool", tool, process.execPath, suite, words];
    // A group of its own: the tool's end alone would leave the program that it watches.
    const child = spawn("compute-sanitizer", command, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    const timer = setTimeout(() => process.kill(-Number(child.pid), "SIGKILL"), Number(seconds) * 1000);
    const finish = (code, reason) => {
      clearTimeout(timer);
      const passed = /(\d+) passed, 0 failed/.exec(output);
      const kernels = [...output.matchAll(/Race reported between .* at .*?elastic::(?:<unnamed>::|\(anonymous namespace\)::)?(\w+)/g)].map((match) => match[1]);
      const unknown = new Set(kernels.filter((kernel) => !orderedByBarriers.includes(kernel)));
      const known = new Set(kernels.filter((kernel) => orderedByBarriers.includes(kernel)));
      const ran = passed !== null && Number(passed[1]) > 0;
      const clean = ran && (code === 0 || (tool === "racecheck" && code === 9 && kernels.length > 0 && unknown.size === 0));
      if (!clean) failures += 1;
      const found = /SUMMARY: .*/.exec(output)?.[0] ?? reason ?? "no summary";
      const note = known.size > 0 ? ` (ordered by mbarriers: ${[...known].join(", ")})` : "";
      console.log(`${clean ? "ok" : "FAILED"} ${family}, ${tool}: ${found}${note}`);
      if (!clean) console.log(output.split("\n").slice(0, 20).join("\n"));
      done();
    };
    child.on("error", (error) => finish(undefined, error.message));
    child.on("close", (code, signal) => finish(code, signal === null ? undefined : `ended by ${signal} after ${seconds} s`));
  });
}

await Promise.all(
  Array.from({ length: Number(atATime) }, async () => {
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) await check(run);
  }),
);
console.log(failures === 0 ? "all clean" : `${failures} runs failed`);
process.exitCode = failures === 0 ? 0 : 1;
