import { CommunicatorUnavailableError } from "@elastic-attention/core";
import type { RankGroup } from "./rank-group.js";

/** How one rank joins the others: only data that can be copied between threads and processes. */
export interface RankSettings {
  /** Name of a registered way: "shared memory", "mpi". */
  readonly kind: string;
  readonly rank: number;
  readonly size: number;
  /** What the ranks of one group share, where the way needs a name. */
  readonly name?: string;
}

/** Joins a group; returns when all ranks have come. */
export type RankGroupOpener = (settings: RankSettings) => RankGroup;

const openers = new Map<string, RankGroupOpener>();

/** Makes a way between ranks known. A second registration of a kind replaces the first. */
export function registerRankGroup(kind: string, open: RankGroupOpener): void {
  openers.set(kind, open);
}

/** Joins the other ranks. @throws CommunicatorUnavailableError for a way that is not known or cannot be used here */
export function openRankGroup(settings: RankSettings): RankGroup {
  const open = openers.get(settings.kind);
  if (open !== undefined) return open(settings);
  const known = [...openers.keys()].join(", ") || "none";
  throw new CommunicatorUnavailableError(settings.kind, [`it is not registered (${known})`], "Call registerRankGroups() of @elastic-attention/distributed first.");
}
