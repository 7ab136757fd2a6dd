import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { openRankGroup, type RankGroup, type RankSettings } from "@elastic-attention/tensor";
import { registerRankGroups, sharedMemoryKind } from "@elastic-attention/distributed";

/** Tells a process of this program that it is a rank behind the first. */
const variable = "ELASTIC_ATTENTION_BENCH_RANK";

/** What this process is to join, if the first rank has started it. */
export function ownRank(): RankSettings | undefined {
  const text = process.env[variable];
  return text === undefined ? undefined : (JSON.parse(text) as RankSettings);
}

/** Ranks of this machine: this process is the first, and starts the others with its own arguments. */
export function startRanks(size: number): { readonly ranks: RankGroup; readonly processes: readonly ChildProcess[] } {
  const settings = { kind: sharedMemoryKind, name: `elastic-attention-bench-${randomUUID()}`, size };
  const processes = Array.from({ length: size - 1 }, (_, index) =>
    spawn(process.execPath, process.argv.slice(1), {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, [variable]: JSON.stringify({ ...settings, rank: index + 1 }), ELASTIC_ATTENTION_RANK: String(index + 1) },
    }),
  );
  return { ranks: enterRanks({ ...settings, rank: 0 }), processes };
}

export function enterRanks(settings: RankSettings): RankGroup {
  registerRankGroups();
  return openRankGroup(settings);
}
