import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { ElasticAttentionError, InvalidOptionError } from "@elastic-attention/core";
import { launchedRank, launchedRanks, mpiKind, sharedMemoryKind } from "@elastic-attention/distributed";
import type { WorkerSettings } from "@elastic-attention/generation";
import type { RankSettings } from "@elastic-attention/tensor";
import type { RankOptions } from "../options/rank-options.js";

/** Which of the ranks of this machine a process is: what the cuda backend chooses its GPU by. */
const rankVariable = "ELASTIC_ATTENTION_RANK";

/** How long the first rank's own error is waited for, in milliseconds. */
const patience = 3000;

/** Whether a launcher started this process as a rank behind the first: it has no terminal to read from or to write to. */
export function isFollowingRank(): boolean {
  return launchedRank() > 0;
}

/**
 * The ranks that a command's model is shared among: those of a launcher, or new processes of this machine; undefined for one.
 * @throws InvalidOptionError for another number than the launcher's
 */
export function chosenRanks({ gpus }: RankOptions): RankSettings | undefined {
  const launched = launchedRanks();
  if (launched > 1) {
    if (gpus !== undefined && gpus !== launched) {
      throw new InvalidOptionError(`--gpus is ${gpus}, but the launcher started ${launched} ranks.`, "--gpus", "Leave it out under mpirun or Slurm.");
    }
    return { kind: mpiKind, rank: launchedRank(), size: launched };
  }
  if (gpus === undefined || gpus === 1) return undefined;
  return { kind: sharedMemoryKind, rank: 0, size: gpus, name: `elastic-attention-${randomUUID()}` };
}

/** The processes of the other ranks. They end with the first rank's engine, and with this process. */
export class RankProcesses implements Disposable {
  readonly #processes: readonly ChildProcess[];
  /** Rejects when one of them ends before the model is loaded. */
  readonly failed: Promise<never>;
  #loaded = false;

  /** Starts none where a launcher has. */
  constructor(settings: WorkerSettings, ranks: RankSettings) {
    const others = ranks.kind === sharedMemoryKind ? Array.from({ length: ranks.size - 1 }, (_, index) => index + 1) : [];
    this.#processes = others.map((rank) => start(settings, { ...ranks, rank }));
    this.failed = new Promise((_, reject) => {
      for (const [index, child] of this.#processes.entries()) {
        child.once("exit", (code, signal) => {
          if (this.#loaded) return;
          const error = new ElasticAttentionError("RANK_FAILED", `Rank ${index + 1} of ${ranks.size} ended before the model was loaded (${signal ?? `exit code ${code}`}).`);
          // What was wrong on several ranks the first one knows too, and says better.
          setTimeout(() => reject(error), patience).unref();
        });
      }
    });
    this.failed.catch(() => {});
    process.once("exit", this.#end);
  }

  /** The model is loaded: from now on ranks watch each other. */
  loaded(): void {
    this.#loaded = true;
    for (const child of this.#processes) child.unref();
  }

  /** Ends those that are still there. */
  [Symbol.dispose](): void {
    process.off("exit", this.#end);
    this.#end();
  }

  readonly #end = () => {
    for (const child of this.#processes) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  };
}

function start(settings: WorkerSettings, ranks: RankSettings): ChildProcess {
  // Beside this program once it is built.
  const program = fileURLToPath(new URL("./rank.js", import.meta.url));
  return spawn(process.execPath, [program, JSON.stringify({ ...settings, ranks })], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, [rankVariable]: String(ranks.rank) },
  });
}
