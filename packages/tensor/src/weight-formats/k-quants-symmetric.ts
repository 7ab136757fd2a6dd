import { halfValues } from "./half-values.js";
import type { WeightFormat } from "./weight-format.js";

/** Blocks of 256 in groups of 16 whose small signed scales are scaled by one half; there is no minimum. */
export const kQuantsSymmetric: readonly WeightFormat[] = [
  { name: "Q3_K", blockSize: 256, blockBytes: 110, dequantize: dequantizeQ3_K },
  { name: "Q6_K", blockSize: 256, blockBytes: 210, dequantize: dequantizeQ6_K },
];

/** 32 bytes of third bits, 64 bytes of the lower two, 12 bytes of 6-bit scales, the half. */
function dequantizeQ3_K(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 110) {
    const scale = halves[blocks[at + 108]! | (blocks[at + 109]! << 8)]!;
    for (let group = 0; group < 16; group++) {
      // Four low bits of the scale in the first 8 bytes, two high ones in the last 4.
      const low = group < 8 ? blocks[at + 96 + group]! & 15 : blocks[at + 88 + group]! >> 4;
      const high = (blocks[at + 104 + (group & 3)]! >> (2 * (group >> 2))) & 3;
      const groupScale = scale * ((low | (high << 4)) - 32);
      const column = (group & 1) * 16;
      const from = at + 32 + (group >> 3) * 32 + column;
      const shift = ((group >> 1) & 3) * 2;
      const thirdBit = group >> 1;
      const to = out + group * 16;
      for (let i = 0; i < 16; i++) {
        const third = (blocks[at + column + i]! >> thirdBit) & 1;
        values[to + i] = groupScale * (((blocks[from + i]! >> shift) & 3) - 4 + 4 * third);
      }
    }
  }
}

/** 128 bytes of low nibbles, 64 bytes of the high two bits, 16 signed scales, the half. */
function dequantizeQ6_K(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let out = 0, at = 0; out < values.length; out += 256, at += 210) {
    const scale = halves[blocks[at + 208]! | (blocks[at + 209]! << 8)]!;
    for (let group = 0; group < 16; group++) {
      const groupScale = scale * signed[at + 192 + group]!;
      const half = group >> 3;
      // Of each half of the block: elements 0 to 31 and 64 to 95 share 32 bytes, the others the next 32.
      const quarter = (group >> 1) & 3;
      const column = (group & 1) * 16;
      const lowFrom = at + half * 64 + (quarter & 1) * 32 + column;
      const lowShift = (quarter >> 1) * 4;
      const highFrom = at + 128 + half * 32 + column;
      const highShift = quarter * 2;
      const to = out + group * 16;
      for (let i = 0; i < 16; i++) {
        const low = (blocks[lowFrom + i]! >> lowShift) & 15;
        const high = (blocks[highFrom + i]! >> highShift) & 3;
        values[to + i] = groupScale * ((low | (high << 4)) - 32);
      }
    }
  }
}
