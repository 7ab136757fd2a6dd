import { hybridAttention, shortenedCache, stepPatterns } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import type { CachedAttention } from "../layer/cached-pass.js";
import type { ForwardPass } from "../layer/forward-pass.js";

/**
 * The attention of one layer of a decode step: one call for all heads and sequences, each as its cache was routed. Each token of
 * a sequence reads what it would read in a step of its own: its window, the blocks that its query chooses.
 */
export function cachedDecodeAttention({ backend, batch }: ForwardPass, layer: number): CachedAttention {
  return {
    *attend(query, output, scores) {
      using scope = new MemoryScope();
      const sequences = batch.caches.flatMap((cache, index) => {
        const [first, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
        const held = cache.layer(layer);
        return Array.from({ length: end - first }, (_, row) => {
          const start = first + row;
          const view = shortenedCache(held, held.length - (end - start) + 1);
          const step = scope.track(stepPatterns(cache, layer, view, query.rows(start, start + 1), scores));
          return { start, length: 1, cache: step.cache, routing: step.routing };
        });
      });
      backend.kernels.run(hybridAttention, { query, output, sequences, ...scores });
      yield "attention";
    },
    [Symbol.dispose]() {},
  };
}
