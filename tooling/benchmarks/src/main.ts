import { readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Benchmark } from "./benchmark.js";
import { type BenchmarkOptions, type CommandLine, parseCommandLine, usage } from "./command-line.js";
import { describeMachine, formatReport, type Report } from "./figures/report.js";

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
  if (module.benchmark === undefined) throw new Error(`${name}.bench.ts must export a const named "benchmark".`);
  return module.benchmark;
}

async function runBenchmark(name: string, options: BenchmarkOptions): Promise<Report> {
  const benchmark = await loadBenchmark(name);
  const machine = describeMachine();
  const start = performance.now();
  const { figures, notes } = await benchmark.run(options, (line) => console.error(`${name}: ${line}`));
  return { benchmark: name, machine, seconds: (performance.now() - start) / 1000, figures, notes };
}

async function listBenchmarks(names: readonly string[]): Promise<void> {
  console.log(usage);
  for (const known of names) {
    const { description } = await loadBenchmark(known);
    console.log(`  ${known.padEnd(16)} ${description}`);
  }
}

async function main(): Promise<void> {
  let commandLine: CommandLine;
  try {
    commandLine = parseCommandLine(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exitCode = 1;
    return;
  }
  const { name, json, output, options } = commandLine;
  const names = benchmarkNames();
  if (name === undefined || !(name === "all" || names.includes(name))) {
    if (name !== undefined) {
      console.error(`No benchmark is named "${name}".`);
      process.exitCode = 1;
    }
    await listBenchmarks(names);
    return;
  }
  const reports: Report[] = [];
  for (const each of name === "all" ? names : [name]) {
    try {
      const report = await runBenchmark(each, options);
      reports.push(report);
      if (!json) console.log(`${formatReport(report)}\n`);
    } catch (error) {
      // With "all", one benchmark that cannot run must not hide the others' figures.
      console.error(`${each}: ${(error as Error).stack ?? String(error)}`);
      process.exitCode = 1;
    }
  }
  const document = JSON.stringify(reports, null, 2);
  if (json) console.log(document);
  // pnpm runs scripts in the root; INIT_CWD is where the user stood.
  if (output !== undefined) writeFileSync(resolve(process.env.INIT_CWD ?? ".", output), `${document}\n`);
}

await main();
