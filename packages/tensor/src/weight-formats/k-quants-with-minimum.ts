import { halfValues } from "./half-values.js";
import type { WeightFormat } from "./weight-format.js";

/** Blocks of 256 in groups whose small integer scales and minimums are scaled by two halves. */
export const kQuantsWithMinimum: readonly WeightFormat[] = [
  { name: "Q2_K", blockSize: 256, blockBytes: 84, dequantize: dequantizeQ2_K },
  { name: "Q4_K", blockSize: 256, blockBytes: 144, dequantize: dequantizeQ4_K },
  { name: "Q5_K", blockSize: 256, blockBytes: 176, dequantize: dequantizeQ5_K },
];

/** 16 bytes of scale and minimum (a nibble each) for groups of 16, 64 bytes of 2-bit integers, both halves. */
function dequantizeQ2_K(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 84) {
    const scale = halves[blocks[at + 80]! | (blocks[at + 81]! << 8)]!;
    const minimum = halves[blocks[at + 82]! | (blocks[at + 83]! << 8)]!;
    for (let group = 0; group < 16; group++) {
      const pair = blocks[at + group]!;
      const groupScale = scale * (pair & 15);
      const groupMinimum = minimum * (pair >> 4);
      // Each half of the block has 32 bytes; a byte holds elements that are 32 apart.
      const from = at + 16 + (group >> 3) * 32 + (group & 1) * 16;
      const shift = ((group >> 1) & 3) * 2;
      const to = out + group * 16;
      for (let i = 0; i < 16; i++) values[to + i] = groupScale * ((blocks[from + i]! >> shift) & 3) - groupMinimum;
    }
  }
}

/** Both halves, 12 bytes with 6-bit scales and minimums of groups of 32, 128 bytes of nibbles. */
function dequantizeQ4_K(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 144) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    const minimum = halves[blocks[at + 2]! | (blocks[at + 3]! << 8)]!;
    for (let group = 0; group < 8; group += 2) {
      const lowScale = scale * groupScale(blocks, at + 4, group);
      const lowMinimum = minimum * groupMinimum(blocks, at + 4, group);
      const highScale = scale * groupScale(blocks, at + 4, group + 1);
      const highMinimum = minimum * groupMinimum(blocks, at + 4, group + 1);
      const from = at + 16 + group * 16;
      const to = out + group * 32;
      for (let i = 0; i < 32; i++) {
        const pair = blocks[from + i]!;
        values[to + i] = lowScale * (pair & 15) - lowMinimum;
        values[to + 32 + i] = highScale * (pair >> 4) - highMinimum;
      }
    }
  }
}

/** As Q4_K, with 32 bytes of fifth bits (one of each byte for each group) before the nibbles. */
function dequantizeQ5_K(blocks: Uint8Array, values: Float32Array): void {
  const halves = halfValues();
  for (let out = 0, at = 0; out < values.length; out += 256, at += 176) {
    const scale = halves[blocks[at]! | (blocks[at + 1]! << 8)]!;
    const minimum = halves[blocks[at + 2]! | (blocks[at + 3]! << 8)]!;
    for (let group = 0; group < 8; group += 2) {
      const lowScale = scale * groupScale(blocks, at + 4, group);
      const lowMinimum = minimum * groupMinimum(blocks, at + 4, group);
      const highScale = scale * groupScale(blocks, at + 4, group + 1);
      const highMinimum = minimum * groupMinimum(blocks, at + 4, group + 1);
      const from = at + 48 + group * 16;
      const to = out + group * 32;
      for (let i = 0; i < 32; i++) {
        const pair = blocks[from + i]!;
        const fifth = blocks[at + 16 + i]! >> group;
        values[to + i] = lowScale * ((pair & 15) | ((fifth & 1) << 4)) - lowMinimum;
        values[to + 32 + i] = highScale * ((pair >> 4) | ((fifth & 2) << 3)) - highMinimum;
      }
    }
  }
}

// The 12 bytes: scales of groups 0 to 3 and minimums of groups 0 to 3 in the low six bits of bytes 0 to 7; groups 4 to 7
// have their low four bits in bytes 8 to 11 and their high two in the bits that the others leave.

function groupScale(blocks: Uint8Array, at: number, group: number): number {
  if (group < 4) return blocks[at + group]! & 63;
  return (blocks[at + 4 + group]! & 15) | ((blocks[at + group - 4]! >> 6) << 4);
}

function groupMinimum(blocks: Uint8Array, at: number, group: number): number {
  if (group < 4) return blocks[at + 4 + group]! & 63;
  return (blocks[at + 4 + group]! >> 4) | ((blocks[at + group]! >> 6) << 4);
}
