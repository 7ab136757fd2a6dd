import { dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";
import type { ModelSpec } from "./model-spec.js";

/** Bytes that a prefill needs besides the weights. */
export interface PrefillMemory {
  readonly activationBytes: number;
  /** Keys and values with every head full; routing makes it smaller. */
  readonly fullCacheBytes: number;
}

/** Rows that norms, projections and the MLP take at a time. */
export const defaultChunkRows = 1024;

/** Predicts the memory of a prefill of `tokens` rows over sequences of `cacheTokens` in all. */
export function predictPrefillMemory(spec: ModelSpec, dtype: FloatDType, tokens: number, cacheTokens = tokens): PrefillMemory {
  const { hiddenSize, intermediateSize, headDim, numQueryHeads, numKeyValueHeads, numLayers } = spec;
  const size = dtypeByteSize(dtype);
  const chunk = Math.min(tokens, defaultChunkRows);
  const perToken = hiddenSize + (2 * numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const activationBytes = size * (tokens * perToken + chunk * (hiddenSize + 2 * intermediateSize)) + tokens * 8;
  return { activationBytes, fullCacheBytes: 2 * size * numLayers * numKeyValueHeads * headDim * cacheTokens };
}
