import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Benchmark } from "./benchmark.js";

const folder = dirname(fileURLToPath(import.meta.url));
const suffix = ".bench.js";

function benchmarkNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .toSorted();
}

async function loadBenchmark(name: string): Promise<Benchmark> {
  const module = (await import(pathToFileURL(join(folder, name + suffix)).href)) as { benchmark?: Benchmark };
  if (module.benchmark === undefined) throw new Error(`src/${name}.bench.ts must export a const named "benchmark".`);
  return module.benchmark;
}

async function main(): Promise<void> {
  const [name, ...args] = process.argv.slice(2);
  const names = benchmarkNames();
  if (name !== undefined && names.includes(name)) {
    const benchmark = await loadBenchmark(name);
    await benchmark.run(args);
    return;
  }
  if (name !== undefined) {
    console.error(`No benchmark is named "${name}".`);
    process.exitCode = 1;
  }
  console.log("Usage: pnpm bench NAME [arguments]");
  if (names.length === 0) console.log("There are no benchmarks yet.");
  for (const known of names) {
    const { description } = await loadBenchmark(known);
    console.log(`  ${known.padEnd(24)} ${description}`);
  }
}

await main();
