import type { FloatDType } from "@elastic-attention/tensor";
import { cacheRowBytes, type CacheType } from "./rounded/cache-type.js";

/** What the size of a model's keys and values depends on. */
export interface KeyValueShape {
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly dtype: FloatDType;
  /** What rows are kept in; undefined: `dtype`. */
  readonly cacheType?: CacheType | undefined;
}

/** Bytes of the keys and values of so many tokens with every head full. */
export function fullKeyValueBytes({ numLayers, ...shape }: KeyValueShape, tokens: number): number {
  return numLayers * shape.numKeyValueHeads * tokens * slotBytes(shape);
}

/** Bytes of one token's key and value in one head of one layer. */
export function slotBytes(shape: Pick<KeyValueShape, "headDim" | "dtype" | "cacheType">): number {
  return 2 * cacheRowBytes(shape);
}
