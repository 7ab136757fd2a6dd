import type { BlockWeights } from "@elastic-attention/tensor";

/** Formats with kernels, as the addon numbers them. */
export const blockFormats: readonly string[] = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"];

const nibbles = new Set(["Q4_0", "Q4_1", "Q4_K"]);
const withMinimum = new Set(["Q4_1", "Q5_1", "Q4_K", "Q5_K"]);

/** What an order of packed weights holds; see `native/blocks/block_layout.h`. */
interface LayoutParts {
  /** Integers of eight bits, not four. */
  readonly bytes: boolean;
  readonly minimums: boolean;
  /** A scale for each 16 inputs, not for each 32. */
  readonly halves: boolean;
}

/** The order that holds all of these formats: their widest integers, a minimum if one has any, the smallest groups. */
function partsOf(formats: readonly string[]): LayoutParts {
  return {
    bytes: formats.some((format) => !nibbles.has(format)),
    minimums: formats.some((format) => withMinimum.has(format)),
    halves: formats.includes("Q6_K"),
  };
}

/** The addon's number for that order. */
export function blockLayoutOf(formats: readonly string[]): number {
  const { bytes, minimums, halves } = partsOf(formats);
  return 8 + (bytes ? 1 : 0) + (minimums ? 2 : 0) + (halves ? 4 : 0);
}

/** Panels of 32 outputs, of which each block of 32 inputs has integers, then float scales and minimums. */
function packedBytes(matrices: readonly { readonly format: string; readonly rows: number }[], inFeatures: number): number {
  const formats = matrices.map(({ format }) => format);
  const outFeatures = matrices.reduce((sum, { rows }) => sum + rows, 0);
  const { bytes, minimums, halves } = partsOf(formats);
  const record = (32 * 32) / (bytes ? 1 : 2) + (halves ? 2 : 1) * (minimums ? 2 : 1) * 32 * 4;
  return Math.ceil(outFeatures / 32) * (inFeatures / 32) * record;
}

/** The formats whose weights the cpu backend computes on as they are. */
export const cpuBlockWeights: BlockWeights = { formats: blockFormats, packedBytes };
