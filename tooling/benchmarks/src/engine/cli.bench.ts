import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { workspaceRoot } from "../folders.js";
import { duration } from "../figures/statistics.js";

interface ProcessTimes {
  /** Until the process ended. */
  readonly total: number;
  /** Until its first byte on standard output; undefined when it wrote none. */
  readonly firstOutput: number | undefined;
  /** The beginning of what it wrote. */
  readonly output: string;
}

export const benchmark: Benchmark = {
  description: "Start of the command line (--version) and time to the first token of its demo",
  async run({ rounds, tiny, backend }, progress) {
    const program = join(workspaceRoot, "apps", "cli", "dist", "main.js");
    if (!existsSync(program)) {
      return { figures: [], notes: [`${program} does not exist: run "pnpm build" first.`] };
    }
    const figures: Figure[] = [];
    const notes: string[] = [];
    const version = await repeat(program, ["--version"], rounds ?? (tiny ? 2 : 10));
    progress("--version");
    if (version.every(({ output }) => /^\S*\d+\.\d+\.\d+/.test(output))) {
      figures.push(
        figure({
          what: "--version, start to end",
          unit: "ms",
          ours: duration("ours", version.map((times) => times.total), 0.001),
          target: { bound: "at most", value: 150 },
          higherIsBetter: false,
        }),
      );
    } else {
      notes.push(`--version was not measured: it printed ${JSON.stringify(version[0]!.output)}, no version.`);
    }
    const node = await repeat(undefined, ["--version"], rounds ?? (tiny ? 2 : 10));
    figures.push(
      figure({
        what: "node --version, the part that is not ours",
        unit: "ms",
        ours: duration("node", node.map((times) => times.total), 0.001),
        higherIsBetter: false,
      }),
    );
    progress("demo");
    const demo = await repeat(program, ["demo", ...(backend === "cpu" ? [] : ["--backend", backend])], rounds ?? (tiny ? 1 : 5));
    const first = demo.flatMap(({ firstOutput }) => (firstOutput === undefined ? [] : [firstOutput]));
    if (first.length < demo.length) {
      notes.push("The demo wrote nothing to standard output.");
    } else {
      figures.push(
        figure({
          what: "demo, start to first byte of the answer",
          unit: "s",
          ours: duration("ours", first, 1),
          target: { bound: "at most", value: 2 },
          higherIsBetter: false,
        }),
      );
    }
    return { figures, notes };
  },
};

/** Once to warm the system's file cache, then `rounds` times. `program` undefined: node itself. */
async function repeat(program: string | undefined, args: readonly string[], rounds: number): Promise<ProcessTimes[]> {
  const times: ProcessTimes[] = [];
  for (let round = 0; round <= rounds; round++) {
    const each = await runOnce(program === undefined ? args : [program, ...args]);
    if (round > 0) times.push(each);
  }
  return times;
}

/** @throws Error with what the process wrote to standard error when it fails. */
function runOnce(args: readonly string[]): Promise<ProcessTimes> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let firstOutput: number | undefined;
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      firstOutput ??= seconds();
      output = (output + chunk.toString()).slice(0, 200);
    });
    child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve({ total: seconds(), firstOutput, output });
      else reject(new Error(`"node ${args.join(" ")}" ended with ${code}:\n${errors}`));
    });
  });
}
