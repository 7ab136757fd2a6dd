/** Format and rows of a matrix in blocks. */
export interface BlockMatrixShape {
  readonly format: string;
  readonly rows: number;
  /** Of formats with scales beside their numbers: what one scale is of. Left out: a row. */
  readonly blockRows?: number;
  readonly blockColumns?: number;
}

/** What a backend computes on as files have it: weights in blocks. */
export interface BlockWeights {
  /** Formats with kernels, as GGUF names them: Q8_0, Q4_K, … */
  readonly formats: readonly string[];
  /** Whether tokens are embedded from a table in blocks too (`embedBlocks`); else a table is unpacked. */
  readonly embeds?: boolean;
  /** Whether a file is computed on as it is unless something else is asked for. */
  readonly byDefault?: boolean;
  /** Why a matrix in one of the formats has no kernel all the same; left out: each has one. */
  problems?(matrix: BlockMatrixShape, inFeatures: number): readonly string[];
  /** Bytes of one packed weight of these matrices, joined along their rows, which are outputs. */
  packedBytes(matrices: readonly BlockMatrixShape[], inFeatures: number): number;
}
