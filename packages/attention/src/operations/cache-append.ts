import { defineOperation, type Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import { referenceCacheAppend } from "./reference-cache-append.js";

export interface CacheAppendCall {
  /** [tokens, numKeyValueHeads, headDim], rotated. */
  readonly keys: Tensor;
  /** [tokens, numKeyValueHeads, headDim]. */
  readonly values: Tensor;
  /** `length` still counts the tokens before these. Dtype of the cache may differ from the keys' (rounded once). */
  readonly cache: LayerCache;
}

/** Writes new tokens to each head's slots; of tokens that share a ring slot the last one stays. */
export const cacheAppend = defineOperation<CacheAppendCall>("cacheAppend", referenceCacheAppend);
