import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommunicatorUnavailableError } from "@elastic-attention/core";
import { loadNccl } from "../src/nccl/nccl-addon.js";

const addon = fileURLToPath(new URL("../build/Release/elastic_attention_mpi.node", import.meta.url));
const program = fileURLToPath(new URL("ranks.mjs", import.meta.url));

// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

/** Why two ranks cannot be started here, or undefined. */
export function withoutRanks(): string | undefined {
  if (spawnSync("mpirun", ["--version"]).status !== 0) return "mpirun is not installed";
  if (!existsSync(addon)) return "the MPI addon is not built";
  return undefined;
}

/** GPUs that NCCL can sum over here; 0 without NCCL. */
export function gpusForRanks(): number {
  try {
    return loadNccl().deviceCount();
  } catch (error) {
    if (CommunicatorUnavailableError.isInstance(error)) return 0;
    throw error;
  }
}

/** Arguments of mpirun: more ranks than cores, also as root in a container. */
export function mpirunArguments(ranks: number): string[] {
  const root = process.getuid?.() === 0 ? ["--allow-run-as-root"] : [];
  return ["-n", String(ranks), "--oversubscribe", ...root];
}

export interface RanksResult {
  readonly status: number | null;
  /** What each rank printed, in the order of ranks. */
  readonly results: readonly Record<string, unknown>[];
  readonly stderr: string;
}

/** Runs a scenario of ranks.mjs. */
export function runScenario(scenario: string, ranks: number, communicator = "auto"): RanksResult {
  const { status, stdout, stderr } = spawnSync(
    "mpirun",
    [...mpirunArguments(ranks), process.execPath, program, scenario, communicator],
    { encoding: "utf8", env: environment, timeout: 60_000 },
  );
  const results = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .sort((a, b) => Number(a["rank"]) - Number(b["rank"]));
  return { status, results, stderr };
}
