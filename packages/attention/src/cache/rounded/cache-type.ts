import { ShapeError } from "@elastic-attention/core";
import { type DType, dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";

/**
 * What keys and values are kept in, where that is less than the type that is computed in. "fp8": each key and each value of a
 * head is a row of e4m3 under a scale of its own, a power of two: a relative error of at most 1/16 of an element, but for
 * elements below 1/28 000 of the row's largest.
 */
export type CacheType = "fp8";

/** How one key or value of a head lies in a cache. */
export interface CacheRow {
  readonly dtype: DType;
  readonly columns: number;
}

/** Rows of fp8 are bytes: headDim numbers, then the scale in float32. */
export function cacheRow({ headDim, dtype, cacheType }: { readonly headDim: number; readonly dtype: FloatDType; readonly cacheType?: CacheType | undefined }): CacheRow {
  return cacheType === undefined ? { dtype, columns: headDim } : { dtype: "u8", columns: headDim + 4 };
}

/** Bytes of one such row. */
export function cacheRowBytes(shape: Parameters<typeof cacheRow>[0]): number {
  const { dtype, columns } = cacheRow(shape);
  return columns * dtypeByteSize(dtype);
}

/** Refuses what reads keys where they lie, and only as floats. @throws ShapeError */
export function requireFloatKeys(what: string, cacheType: CacheType | undefined): void {
  if (cacheType === undefined) return;
  throw new ShapeError(`${what} reads keys in floats, and this cache keeps them in ${cacheType}.`, "Leave the cache's type out, or take modes that choose no pages.");
}
