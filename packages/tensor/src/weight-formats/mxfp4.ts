import type { WeightFormat } from "./weight-format.js";

/** The 16 values of a 4-bit float: sign, two bits of exponent, one of mantissa. */
const values4 = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);

/** 2^(byte − 127), exact in float64 for every byte. */
const scales = Float64Array.from({ length: 256 }, (_, byte) => 2 ** (byte - 127));

/**
 * MXFP4 as safetensors checkpoints keep it, blocks apart from scales: 16 bytes for 32 consecutive elements, the low nibble
 * first, and one byte of exponent a block.
 *
 * @param values `32 · exponents.length` elements, exact but for what float32 cannot hold
 */
export function dequantizeMxfp4(blocks: Uint8Array, exponents: Uint8Array, values: Float32Array): void {
  for (let block = 0; block < exponents.length; block++) {
    const scale = scales[exponents[block]!]!;
    const [from, to] = [16 * block, 32 * block];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[from + i]!;
      values[to + 2 * i] = scale * values4[pair & 15]!;
      values[to + 2 * i + 1] = scale * values4[pair >> 4]!;
    }
  }
}

/** As GGUF files keep it: the exponent of a block, then 16 bytes: low nibbles are elements 0 to 15, high nibbles 16 to 31. */
export const mxfp4Format: WeightFormat = { name: "MXFP4", blockSize: 32, blockBytes: 17, dequantize: dequantizeBlocks };

function dequantizeBlocks(blocks: Uint8Array, values: Float32Array): void {
  for (let out = 0, at = 0; out < values.length; out += 32, at += 17) {
    const scale = scales[blocks[at]!]!;
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 1 + i]!;
      // This format's zero has no sign.
      values[out + i] = scale * values4[pair & 15]! + 0;
      values[out + 16 + i] = scale * values4[pair >> 4]! + 0;
    }
  }
}
