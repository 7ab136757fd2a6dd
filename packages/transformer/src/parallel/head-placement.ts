import { InvalidOptionError } from "@elastic-attention/core";
import type { HeadPlacement } from "./model-shard.js";

/**
 * Places the heads of each layer by how likely a router makes them full, so that the expected full heads of the ranks are as even
 * as may be: heads go, the likeliest first, to the rank that has least so far and still has room.
 *
 * @param fullShares [layer][kvHead]: share of prompts in which the head is full, 0 to 1
 * @param fullCost cost of a full head over that of a sparse one. Default 10
 * @throws InvalidOptionError where the ranks do not divide the heads
 */
export function placeHeads(fullShares: readonly (readonly number[])[], ranks: number, fullCost = 10): HeadPlacement {
  return fullShares.map((shares) => {
    if (shares.length % ranks !== 0) throw new InvalidOptionError(`${ranks} ranks do not divide ${shares.length} heads.`, "gpus");
    const room = shares.length / ranks;
    const heads: number[][] = Array.from({ length: ranks }, () => []);
    const loads = new Float64Array(ranks);
    const likeliest = Array.from(shares.keys()).sort((a, b) => shares[b]! - shares[a]! || a - b);
    for (const head of likeliest) {
      let least = -1;
      for (let rank = 0; rank < ranks; rank++) {
        if (heads[rank]!.length < room && (least < 0 || loads[rank]! < loads[least]!)) least = rank;
      }
      heads[least]!.push(head);
      loads[least]! += 1 + (fullCost - 1) * shares[head]!;
    }
    return heads.map((own) => own.sort((a, b) => a - b));
  });
}

/** How often each head was full, from the plans of prompts: [prompt][layer][kvHead], 0 is full. @returns [layer][kvHead] */
export function fullShares(plans: readonly (readonly (readonly number[])[])[]): number[][] {
  const first = plans[0] ?? [];
  return first.map((heads, layer) => heads.map((_, head) => plans.filter((plan) => plan[layer]![head] === 0).length / plans.length));
}

/** Queries of a full head that a rank hands to another, which reads the head's keys and values once. */
export interface SharedQueries {
  readonly head: number;
  readonly from: number;
  readonly to: number;
  /** Share of the head's work, 0 to 1. */
  readonly share: number;
}

/** The work of each rank in one layer under one plan, and what is handed over to even it out. */
export interface LayerBalance {
  /** Before anything is handed over, in full heads. */
  readonly loads: readonly number[];
  readonly shared: readonly SharedQueries[];
  /** Afterwards. */
  readonly evened: readonly number[];
}

/**
 * Evens out what a plan leaves uneven: ranks with more than the mean hand queries of their full heads to those with less. The
 * same on every rank, as it depends on the plan and the placement alone.
 *
 * @param assignment [kvHead]: 0 is full
 * @param heads [rank]: the heads of each
 * @param sparseCost cost of a sparse head over that of a full one
 * @param leastShare smaller pieces are not worth the keys and values that are read for them. Default 1/8
 */
export function balanceLayer(assignment: readonly number[], heads: readonly (readonly number[])[], sparseCost: number, leastShare = 0.125): LayerBalance {
  const loads = heads.map((own) => own.reduce((sum, head) => sum + (assignment[head] === 0 ? 1 : sparseCost), 0));
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  const evened = [...loads];
  const left = new Map<number, number>(heads.flatMap((own) => own.filter((head) => assignment[head] === 0).map((head) => [head, 1] as const)));
  const shared: SharedQueries[] = [];
  for (const [from, own] of heads.entries()) {
    for (const head of own) {
      while ((left.get(head) ?? 0) > 0 && evened[from]! - mean >= leastShare) {
        const to = evened.indexOf(Math.min(...evened));
        const share = Math.min(left.get(head)!, evened[from]! - mean, mean - evened[to]!);
        if (share < leastShare) break;
        shared.push({ head, from, to, share });
        left.set(head, left.get(head)! - share);
        evened[from]! -= share;
        evened[to]! += share;
      }
    }
  }
  return { loads, shared, evened };
}
