import { type CacheType, type LayerCache, unpackCache } from "@elastic-attention/attention";
import { InvalidOptionError } from "@elastic-attention/core";
import type { Backend, FloatDType, Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";

/** Refuses a cache that the backend has no kernels for, before weights are read. @throws InvalidOptionError */
export function checkCacheType(backend: Backend, { headDim, numKeyValueHeads }: ModelSpec, dtype: FloatDType, cacheType: CacheType | undefined): void {
  if (cacheType === undefined) return;
  // Kernels ask for shapes and types only.
  const rows = { shape: [1, headDim], dtype } as unknown as Tensor;
  const cache = { numKeyValueHeads, headDim, cacheType } as unknown as LayerCache;
  if (backend.kernels.find(unpackCache, { cache, keys: rows, values: rows, heads: [] }) !== undefined) return;
  const reasons = backend.kernels.explain(unpackCache, { cache, keys: rows, values: rows, heads: [] }).flatMap((refusal) => refusal.reasons);
  throw new InvalidOptionError(
    `The backend ${backend.name} does not keep keys and values in ${cacheType}${reasons.length === 0 ? "" : `: ${reasons.join("; ")}`}.`,
    "cacheType",
    "Leave the option out: keys and values are then kept in the type that is computed in.",
  );
}
