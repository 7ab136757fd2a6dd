import { type AttentionScores, hybridAttention, keepChosen } from "@elastic-attention/attention";
import type { Tensor } from "@elastic-attention/tensor";
import type { CachedAttention } from "../layer/cached-pass.js";
import type { LayerSteps } from "../layer/decoder-layer.js";
import { gatherHeads } from "../parallel/gather-routing.js";
import { attentionSlices, pairsAtMost } from "./attention-slices.js";
import { type LayerRouting, startRouting } from "./layer-routing.js";
import type { PrefillPass } from "./prefill-pass.js";
import type { RoutingRecord } from "./routing-record.js";

/**
 * The attention of one layer of a prefill: the routers are asked on keys and queries before RoPE; one call for all heads and
 * sequences, or slices of it; and what the modes do not need leaves the caches.
 */
export class PrefillAttention implements CachedAttention {
  #routing: LayerRouting | undefined;

  constructor(
    private readonly pass: PrefillPass,
    private readonly layer: number,
    /** Asked before the attention: query-key pairs of one slice. */
    private readonly mostPairs: () => number,
    private readonly record: RoutingRecord,
  ) {}

  beforeRotation(key: Tensor, query: Tensor): void {
    this.#routing = startRouting(this.pass, key, query, this.layer);
  }

  *attend(query: Tensor, output: Tensor, scores: AttentionScores): LayerSteps {
    const { layer, pass } = this;
    const { backend, batch, observer } = pass;
    const routing = this.#routing!;
    const { scale } = scores;
    const mostPairs = this.mostPairs();
    let sequences = routing.sequences(query);
    // What a device still decides is not asked for where it makes no difference.
    const isWhole = pairsAtMost(sequences) <= mostPairs;
    if (!isWhole) sequences = routing.waitForSequences(sequences);
    const parts = routing.parts(query, sequences);
    for (const slice of isWhole ? [parts] : attentionSlices(parts, mostPairs)) {
      backend.kernels.run(hybridAttention, { query, output, sequences: slice, ...scores });
      yield "attention";
    }
    for (const [sequence, { start, length, cache }] of sequences.entries()) {
      observer?.afterAttention?.({ layer, sequence, query: query.rows(start, start + length), cache, scale });
    }
    const heads = routing.waitForHeads();
    this.record.add(gatherHeads(pass, layer, heads), routing.waitForSequences(sequences), heads);
    // Chosen blocks are gone before caches move what they keep.
    this[Symbol.dispose]();
    for (const [index, cache] of batch.caches.entries()) {
      const { start, length } = sequences[index]!;
      keepChosen(cache, layer, heads[index]!.modes, query.rows(start, start + length), scores);
      cache.settle(layer, heads[index]!.modes);
    }
  }

  [Symbol.dispose](): void {
    this.#routing?.[Symbol.dispose]();
    this.#routing = undefined;
  }
}
