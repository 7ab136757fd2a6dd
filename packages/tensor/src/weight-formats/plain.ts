import { halfValues } from "./half-values.js";
import type { WeightFormat } from "./weight-format.js";

/** Element types without blocks. */
export const plainFormats: readonly WeightFormat[] = [
  {
    name: "F32",
    blockSize: 1,
    blockBytes: 4,
    dequantize: (bytes, values) => {
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes.subarray(0, values.byteLength));
    },
  },
  {
    name: "F16",
    blockSize: 1,
    blockBytes: 2,
    dequantize: (bytes, values) => {
      const halves = halfValues();
      for (let i = 0, at = 0; i < values.length; i++, at += 2) values[i] = halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
    },
  },
  {
    name: "BF16",
    blockSize: 1,
    blockBytes: 2,
    dequantize: (bytes, values) => {
      const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let i = 0, at = 0; i < patterns.length; i++, at += 2) patterns[i] = (bytes[at]! << 16) | (bytes[at + 1]! << 24);
    },
  },
];
