/**
 * How a weight's numbers lie in bytes: in blocks of `blockSize` consecutive elements of a row, `blockBytes` each. Plain
 * element types are blocks of one.
 */
export interface WeightFormat {
  /** As GGUF and safetensors name it: F32, BF16, Q4_K, … */
  readonly name: string;
  /** Elements of a block; rows are whole blocks. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /**
   * The float32 values of whole blocks, bit for bit as the format defines them.
   * @param blocks `values.length / blockSize` blocks, at any alignment.
   */
  dequantize(blocks: Uint8Array, values: Float32Array): void;
}

/** Bytes of a number of elements, which must be whole blocks. */
export function weightByteLength(format: Pick<WeightFormat, "blockSize" | "blockBytes">, elements: number): number {
  return (elements / format.blockSize) * format.blockBytes;
}
