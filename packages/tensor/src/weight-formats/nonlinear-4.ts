import { halfValues } from "./half-values.js";
import type { WeightFormat } from "./weight-format.js";

/** Four bits that name one of 16 unevenly spaced values. */
export const nonlinear4Formats: readonly WeightFormat[] = [
  { name: "IQ4_NL", blockSize: 32, blockBytes: 18, dequantize: dequantizeIQ4_NL },
  { name: "IQ4_XS", blockSize: 256, blockBytes: 136, dequantize: dequantizeIQ4_XS },
];

const codebook = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** The half, 16 bytes of nibbles. */
function dequantizeIQ4_NL(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 18) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 2 + i]!;
      values[out + i] = scale * codebook[pair & 15]!;
      values[out + 16 + i] = scale * codebook[pair >> 4]!;
    }
  }
}

/** The half, the high two bits of eight 6-bit scales, their low four bits, 128 bytes of nibbles. */
function dequantizeIQ4_XS(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 136) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    const high = blocks[at + 2]! | (blocks[at + 3]! << 8);
    for (let group = 0; group < 8; group++) {
      const low = (blocks[at + 4 + (group >> 1)]! >> (4 * (group & 1))) & 15;
      const groupScale = scale * ((low | (((high >> (2 * group)) & 3) << 4)) - 32);
      const from = at + 8 + group * 16;
      const to = out + group * 32;
      for (let i = 0; i < 16; i++) {
        const pair = blocks[from + i]!;
        values[to + i] = groupScale * codebook[pair & 15]!;
        values[to + 16 + i] = groupScale * codebook[pair >> 4]!;
      }
    }
  }
}
