import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Tells a process that it is one of several, and which: they share a machine. */
const variable = "ELASTIC_ATTENTION_REPLICA";

/** The place of a process among the replicas that one door serves. */
export interface ReplicaPlace {
  readonly index: number;
  readonly count: number;
}

/** Where this process is a replica; undefined: it stands by itself. */
export function replicaPlace(environment: NodeJS.ProcessEnv = process.env): ReplicaPlace | undefined {
  const [index, count] = (environment[variable] ?? "").split("/").map(Number);
  return index === undefined || count === undefined ? undefined : { index, count };
}

/** What a replica's process is given besides: its place, and cards of its own where there are several of both. @param cardsEach cards that it needs */
export function replicaEnvironment({ index, count }: ReplicaPlace, cardsEach: number, environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const place = { [variable]: `${index}/${count}` };
  const cards = environment["CUDA_VISIBLE_DEVICES"]?.split(",").filter((card) => card !== "") ?? cardsOfMachine();
  if (count === 1 || cards.length < 2) return place;
  const own = Array.from({ length: cardsEach }, (_, card) => cards[(index * cardsEach + card) % cards.length]!);
  return { ...place, CUDA_VISIBLE_DEVICES: own.join(",") };
}

/** Threads of one of several processes. */
export function threadsOf({ count }: ReplicaPlace): number {
  return Math.max(1, Math.floor(availableParallelism() / count));
}

function cardsOfMachine(): string[] {
  try {
    return readdirSync("/proc/driver/nvidia/gpus").map((_, index) => String(index));
  } catch {
    return [];
  }
}
