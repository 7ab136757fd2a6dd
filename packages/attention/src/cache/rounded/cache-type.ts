import { ShapeError } from "@elastic-attention/core";
import { type DType, dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";

/**
 * What keys and values are kept in, where that is less than the type that is computed in. "fp8": each key and each value of a
 * head is a row of e4m3 under a scale of its own, a power of two: a relative error of at most 1/16 of an element, but for
 * elements below 1/28 000 of the row's largest. "q8_0": int8 under a scale for each 32 elements: an error of at most 1/253 of
 * the largest of these.
 */
export type CacheType = "fp8" | "q8_0";

/** Elements that share a scale in q8_0. */
export const scaledElements = 32;

/** How one key or value of a head lies in a cache. */
export interface CacheRow {
  readonly dtype: DType;
  readonly columns: number;
}

/** A rounded row is bytes: headDim numbers, then its scales, in float32 (fp8) or bfloat16 (q8_0). */
export function cacheRow({ headDim, dtype, cacheType }: { readonly headDim: number; readonly dtype: FloatDType; readonly cacheType?: CacheType | undefined }): CacheRow {
  return cacheType === undefined ? { dtype, columns: headDim } : { dtype: "u8", columns: headDim + scaleBytes(headDim, cacheType) };
}

/** Bytes of the scales of a rounded row. */
export function scaleBytes(headDim: number, cacheType: CacheType): number {
  return cacheType === "fp8" ? 4 : 2 * Math.ceil(headDim / scaledElements);
}

/** Bytes of one such row. */
export function cacheRowBytes(shape: Parameters<typeof cacheRow>[0]): number {
  const { dtype, columns } = cacheRow(shape);
  return columns * dtypeByteSize(dtype);
}

/** Type in which rows are written elsewhere and come back to the same bits: scales of q8_0 and what they scale need float32. */
export function exactRowDType(dtype: FloatDType, cacheType: CacheType | undefined): FloatDType {
  return cacheType === "q8_0" ? "f32" : dtype;
}

/** The refusal of what has no kernel for the rows of a rounded cache. */
export function refuseCacheType(what: string, cacheType: CacheType, backend: string): ShapeError {
  return new ShapeError(
    `${what}: the backend ${backend} has no kernel that reads keys in ${cacheType}.`,
    "Leave the cache's type out, take a mode that chooses no pages, or compute on the cpu.",
  );
}
