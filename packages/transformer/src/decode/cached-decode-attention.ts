import { hybridAttention, stepPatterns } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import type { CachedAttention } from "../layer/cached-pass.js";
import type { ForwardPass } from "../layer/forward-pass.js";

/** The attention of one layer of a decode step: one call for all heads and sequences, each as its cache was routed. */
export function cachedDecodeAttention({ backend, batch }: ForwardPass, layer: number): CachedAttention {
  return {
    *attend(query, output, scores) {
      using scope = new MemoryScope();
      const sequences = batch.caches.map((cache, index) => {
        const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
        const step = scope.track(stepPatterns(cache, layer, cache.layer(layer), query.rows(start, end), scores));
        return { start, length: end - start, cache: step.cache, routing: step.routing };
      });
      backend.kernels.run(hybridAttention, { query, output, sequences, ...scores });
      yield "attention";
    },
    [Symbol.dispose]() {},
  };
}
