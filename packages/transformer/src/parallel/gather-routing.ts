import type { AttentionMode, BlockCount } from "@elastic-attention/attention";
import type { DecoderCore } from "../layer/forward-pass.js";
import type { RoutedHeads } from "../prefill/layer-routing.js";
import { decodeMessage, encodeMessage } from "./messages.js";

type Shared = Pick<DecoderCore, "spec" | "ranks">;

/** What all heads of a layer were routed to, from what this rank's were; one entry for each sequence. */
export function gatherHeads({ spec, ranks }: Shared, layer: number, routed: readonly RoutedHeads[]): readonly RoutedHeads[] {
  const { shard } = spec;
  if (ranks === undefined || shard === undefined) return routed;
  const own = { heads: shard.keyValueHeads[layer]!, routed };
  const parts = ranks.allGather(encodeMessage(own)).map((bytes) => decodeMessage(bytes) as typeof own);
  return routed.map(({ assignment }, sequence) => {
    const modes: AttentionMode[] = [];
    const all: number[] = [];
    for (const { heads, routed: ofRank } of parts.toReversed()) {
      for (const [index, head] of heads.entries()) {
        modes[head] = ofRank[sequence]!.modes[index]!;
        if (assignment.length > 0) all[head] = ofRank[sequence]!.assignment[index]!;
      }
    }
    return { modes, assignment: all };
  });
}

/** Blocks of all heads from those of this rank's, [sequence][layer]; heads that several ranks share count once. */
export function gatherCounts({ spec, ranks }: Shared, counts: readonly (readonly BlockCount[])[]): readonly (readonly BlockCount[])[] {
  const { shard } = spec;
  if (ranks === undefined || shard === undefined) return counts;
  const own = { counts: shard.holdsFirst ? counts : [] };
  const parts = ranks.allGather(encodeMessage(own)).map((bytes) => decodeMessage(bytes) as typeof own);
  return counts.map((layers, sequence) =>
    layers.map((_, layer) => {
      const each = parts.flatMap((part) => part.counts[sequence]?.[layer] ?? []);
      return { visited: each.reduce((sum, { visited }) => sum + visited, 0), causal: each.reduce((sum, { causal }) => sum + causal, 0) };
    }),
  );
}
