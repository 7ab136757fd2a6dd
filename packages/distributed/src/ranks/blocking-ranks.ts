import { RankFailedError } from "@elastic-attention/core";
import type { RankGroup } from "@elastic-attention/tensor";

/** What ranks come for; ranks that have come for different things tell each other so. */
export const rankCalls = { gather: 1, sum: 2, settle: 3 } as const;
export type RankCall = (typeof rankCalls)[keyof typeof rankCalls];

/** How ranks meet: each way between them is one of these. All of it blocks. */
export interface Meeting {
  readonly name: string;
  readonly rank: number;
  readonly size: number;
  /** Bytes of every rank; undefined when they have come for different things. */
  exchange(call: RankCall, bytes: Uint8Array): Uint8Array[] | undefined;
  /** Sums in place; false when they have come for different things. */
  sum(values: Float32Array): boolean;
  leave(): void;
}

/** A group over any way of meeting. */
export class BlockingRanks implements RankGroup {
  readonly name: string;
  readonly rank: number;
  readonly size: number;
  #left = false;

  constructor(private readonly meeting: Meeting) {
    this.name = meeting.name;
    this.rank = meeting.rank;
    this.size = meeting.size;
  }

  allGather(bytes: Uint8Array): Uint8Array[] {
    const all = this.meeting.exchange(rankCalls.gather, bytes);
    if (all === undefined) throw new RankFailedError();
    return all;
  }

  allReduceSum(values: Float32Array): void {
    if (!this.meeting.sum(values)) throw new RankFailedError();
  }

  settle(bytes: Uint8Array): Uint8Array[] {
    for (;;) {
      const all = this.meeting.exchange(rankCalls.settle, bytes);
      if (all !== undefined) return all;
    }
  }

  [Symbol.dispose](): void {
    if (this.#left) return;
    this.#left = true;
    this.meeting.leave();
  }
}
