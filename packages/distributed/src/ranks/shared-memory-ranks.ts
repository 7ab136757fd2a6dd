import { CommunicatorError, CommunicatorUnavailableError } from "@elastic-attention/core";
import type { RankGroup, RankSettings } from "@elastic-attention/tensor";
import { findAddon } from "../find-addon.js";
import { BlockingRanks, type RankCall } from "./blocking-ranks.js";

/** What the addon exports; a group is known to JavaScript by number. */
interface RanksAddon {
  /** Returns when all ranks have come. */
  open(name: string, rank: number, size: number, seconds: number): number;
  exchange(group: number, call: RankCall, bytes: Uint8Array): Uint8Array[] | undefined;
  sum(group: number, values: Float32Array): boolean;
  close(group: number): void;
}

const exports = ["open", "exchange", "sum", "close"] as const satisfies readonly (keyof RanksAddon)[];

/** How long a rank waits for the others to start. */
const startSeconds = 60;

/** What the kind is called in {@link RankSettings}. */
export const sharedMemoryKind = "shared memory";

/**
 * Ranks that are processes of one machine and share a piece of memory. When one of them ends without leaving, the others end
 * within a second with its number on standard error.
 *
 * @throws CommunicatorUnavailableError where the addon was not built; CommunicatorError when not all ranks come
 */
export function joinSharedMemory({ name, rank, size }: RankSettings): RankGroup {
  if (name === undefined || !/^[\w.-]{1,200}$/.test(name)) throw new CommunicatorError(`A group in shared memory has a name, found ${JSON.stringify(name)}.`);
  const { addon, problem } = findAddon<RanksAddon>({ name: "elastic_attention_ranks", exports, build: "`pnpm build` makes it" });
  if (addon === undefined) throw new CommunicatorUnavailableError(sharedMemoryKind, [problem], "Build this package again: `pnpm build`, which needs cmake, make and g++.");
  const group = addon.open(name, rank, size, startSeconds);
  return new BlockingRanks({
    name: sharedMemoryKind,
    rank,
    size,
    exchange: (call, bytes) => addon.exchange(group, call, bytes),
    sum: (values) => addon.sum(group, values),
    leave: () => addon.close(group),
  });
}
