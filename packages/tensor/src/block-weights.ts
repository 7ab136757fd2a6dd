/** Format and rows of a matrix in blocks. */
export interface BlockMatrixShape {
  readonly format: string;
  readonly rows: number;
}

/** What a backend computes on as files have it: weights in blocks. */
export interface BlockWeights {
  /** Formats with kernels, as GGUF names them: Q8_0, Q4_K, … */
  readonly formats: readonly string[];
  /** Whether tokens are embedded from a table in blocks too (`embedBlocks`); else a table is unpacked. */
  readonly embeds?: boolean;
  /** Bytes of one packed weight of these matrices, joined along their rows, which are outputs. */
  packedBytes(matrices: readonly BlockMatrixShape[], inFeatures: number): number;
}
