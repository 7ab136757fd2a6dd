import { dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";

/** What the size of a model's keys and values depends on. */
export interface KeyValueShape {
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly dtype: FloatDType;
}

/** Bytes of the keys and values of so many tokens with every head full. */
export function fullKeyValueBytes({ numLayers, ...shape }: KeyValueShape, tokens: number): number {
  return numLayers * shape.numKeyValueHeads * tokens * slotBytes(shape);
}

/** Bytes of one token's key and value in one head of one layer. */
export function slotBytes({ headDim, dtype }: Pick<KeyValueShape, "headDim" | "dtype">): number {
  return 2 * headDim * dtypeByteSize(dtype);
}
