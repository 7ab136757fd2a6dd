import { halfValues } from "./half-values.js";
import type { WeightFormat } from "./weight-format.js";

// A product of a half and a small integer is exact in float64, and so is its sum with another half: storing it in the
// float32 array is the one rounding that the format defines. The same holds for the other formats beside this one.

/** Blocks of 32 under one half-precision scale: integers of 4, 5 or 8 bits; the kinds in _1 add a minimum. */
export const scaled32Formats: readonly WeightFormat[] = [
  { name: "Q4_0", blockSize: 32, blockBytes: 18, dequantize: dequantizeQ4_0 },
  { name: "Q4_1", blockSize: 32, blockBytes: 20, dequantize: dequantizeQ4_1 },
  { name: "Q5_0", blockSize: 32, blockBytes: 22, dequantize: dequantizeQ5_0 },
  { name: "Q5_1", blockSize: 32, blockBytes: 24, dequantize: dequantizeQ5_1 },
  { name: "Q8_0", blockSize: 32, blockBytes: 34, dequantize: dequantizeQ8_0 },
];

/** scale, 16 bytes: low nibbles are elements 0 to 15, high nibbles 16 to 31. */
function dequantizeQ4_0(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 18) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 2 + i]!;
      values[out + i] = ((pair & 15) - 8) * scale;
      values[out + 16 + i] = ((pair >> 4) - 8) * scale;
    }
  }
}

/** scale, minimum, 16 bytes of nibbles. */
function dequantizeQ4_1(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 20) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    const minimum = halves[blocks[at + 2]! | (blocks[at + 3]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 4 + i]!;
      values[out + i] = (pair & 15) * scale + minimum;
      values[out + 16 + i] = (pair >> 4) * scale + minimum;
    }
  }
}

/** scale, the fifth bits of all 32 elements, 16 bytes of nibbles. */
function dequantizeQ5_0(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 22) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    const high = bits32(blocks, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 6 + i]!;
      values[out + i] = (((pair & 15) | (((high >>> i) & 1) << 4)) - 16) * scale;
      values[out + 16 + i] = (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16) * scale;
    }
  }
}

/** scale, minimum, the fifth bits of all 32 elements, 16 bytes of nibbles. */
function dequantizeQ5_1(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 32, at += 24) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    const minimum = halves[blocks[at + 2]! | (blocks[at + 3]! << 8)]!;
    const high = bits32(blocks, at + 4);
    for (let i = 0; i < 16; i++) {
      const pair = blocks[at + 8 + i]!;
      values[out + i] = ((pair & 15) | (((high >>> i) & 1) << 4)) * scale + minimum;
      values[out + 16 + i] = ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) * scale + minimum;
    }
  }
}

/** scale, 32 signed bytes. */
function dequantizeQ8_0(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let out = 0, at = 0; out < values.length; out += 32, at += 34) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    for (let i = 0; i < 32; i++) values[out + i] = signed[at + 2 + i]! * scale;
  }
}

function bits32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
