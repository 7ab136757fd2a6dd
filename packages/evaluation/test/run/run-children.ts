import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { EvaluationRecord } from "../../src/index.js";

const program = fileURLToPath(new URL("toy-run.mjs", import.meta.url));
// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

/** Runs the toy suites to their end in a process of their own, or on several ranks. */
export function runToy(folder: string, ranks = 1, ...options: string[]): { status: number | null; stdout: string; stderr: string } {
  const root = process.getuid?.() === 0 ? ["--allow-run-as-root"] : [];
  const command = ranks === 1 ? [] : ["mpirun", "-n", String(ranks), "--oversubscribe", ...root];
  const [file, ...rest] = [...command, process.execPath, program, folder, ...options];
  return spawnSync(file!, rest, { encoding: "utf8", env: environment, timeout: 200_000 });
}

/** Kills the run with SIGKILL as soon as its file has so many lines. */
export async function killToy(folder: string, lines: number, ...options: string[]): Promise<void> {
  const child = spawn(process.execPath, [program, folder, ...options], { env: environment, stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  while (child.exitCode === null && recordLines(folder).length < lines) await setTimeout(2);
  child.kill("SIGKILL");
  await ended;
}

export function recordLines(folder: string): string[] {
  const path = `${folder}/records.jsonl`;
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

/** The part of a record that does not depend on the clock or on other processes. */
export function repeatable(record: EvaluationRecord): Omit<EvaluationRecord, "prefillSeconds" | "decodeSeconds" | "peakBytes"> {
  const { prefillSeconds: _, decodeSeconds: __, peakBytes: ___, ...rest } = record;
  return rest;
}
