import { hybridAttention } from "@elastic-attention/attention";
import type { CachedAttention } from "../layer/cached-pass.js";
import type { ForwardPass } from "../layer/forward-pass.js";

/** The attention of one layer of a decode step: one call for all heads and sequences, each as its cache was routed. */
export function cachedDecodeAttention({ backend, batch }: ForwardPass, layer: number): CachedAttention {
  return {
    *attend(query, output, scores) {
      const sequences = batch.caches.map((cache, index) => {
        const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
        return { start, length: end - start, cache: cache.layer(layer), routing: cache.decodePatterns(layer) };
      });
      backend.kernels.run(hybridAttention, { query, output, sequences, ...scores });
      yield "attention";
    },
    [Symbol.dispose]() {},
  };
}
