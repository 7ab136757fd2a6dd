/** What a backend computes on as files have it: weights in blocks. */
export interface BlockWeights {
  /** Formats with kernels, as GGUF names them: Q8_0, Q4_K, … */
  readonly formats: readonly string[];
  /** Bytes of one packed weight of matrices in these formats, joined along their outputs. */
  packedBytes(formats: readonly string[], outFeatures: number, inFeatures: number): number;
}
