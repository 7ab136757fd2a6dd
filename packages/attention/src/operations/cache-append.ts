import { defineOperation, type GradientRule, type Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import { cacheGather } from "./cache-gather.js";
import { referenceCacheAppend } from "./reference-cache-append.js";

export interface CacheAppendCall {
  /** [tokens, numKeyValueHeads, headDim], rotated. */
  readonly keys: Tensor;
  /** [tokens, numKeyValueHeads, headDim]. */
  readonly values: Tensor;
  /** `length` still counts the tokens before these. Dtype of the cache may differ from the keys' (rounded once). */
  readonly cache: LayerCache;
}

/** Reads the gradients of the new slots back; heads must keep all tokens. */
const cacheAppendGradient: GradientRule<CacheAppendCall, number> = {
  inputs: ({ keys, values }) => [keys, values],
  outputs: () => [],
  updates: ({ cache }) => [cache.keys, cache.values],
  // The owner of the cache counts the new tokens after the call.
  save: ({ cache }) => cache.length,
  backward({ keys, values, cache }, gradients, before) {
    const length = before + keys.shape[0]!;
    const gather = (name: "keys" | "values", input: Tensor) => {
      const gradient = gradients.incoming(cache[name]);
      if (gradient === undefined) return;
      gradients.overwrite([input], ([target]) => {
        const rows = { ...cache, length, [name]: gradient };
        gradients.backend.kernels.run(cacheGather, { cache: rows, [name]: target });
      });
    };
    gather("keys", keys);
    gather("values", values);
  },
};

/** Writes new tokens to each head's slots; of tokens that share a ring slot the last one stays. */
export const cacheAppend = defineOperation<CacheAppendCall>("cacheAppend", referenceCacheAppend, { gradient: cacheAppendGradient });
