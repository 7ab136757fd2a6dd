import { type BlockMatrixShape, type BlockWeights, weightFormat } from "@elastic-attention/tensor";
import { scaledBlocks, scaledProblems } from "./scaled-blocks.js";

/** Formats with kernels, as the addon numbers them. */
export const blockFormats: readonly string[] = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"];

const panelOutputs = 32;
const lineBytes = 64;

/** What the addon packs a panel of 32 outputs into for a block of the file: its bytes, and where they grow, by how many. */
function panelBlockBytes(format: string): number {
  const { blockBytes } = weightFormat(format, "packBlocks");
  // Six bits of scale and minimum become a byte each; the values of a nonlinear code become bytes.
  if (format === "Q4_K" || format === "Q5_K") return panelOutputs * (blockBytes + 4);
  return panelOutputs * (format === "IQ4_NL" ? 34 : blockBytes);
}

/** See `native/blocks/block_weight.h`: parts of one format each, behind a table of them. */
function packedBytes(matrices: readonly BlockMatrixShape[], inFeatures: number): number {
  const parts: { format: string; rows: number }[] = [];
  for (const matrix of matrices) {
    const { rows } = matrix;
    const format = scaledBlocks[matrix.format] ?? matrix.format;
    const last = parts.at(-1);
    if (last?.format === format) last.rows += rows;
    else parts.push({ format, rows });
  }
  const table = Math.ceil((8 + 16 * parts.length) / lineBytes) * lineBytes;
  return parts.reduce((sum, { format, rows }) => sum + (Math.ceil(rows / panelOutputs) * inFeatures * panelBlockBytes(format)) / weightFormat(format, "packBlocks").blockSize, table);
}

/** The formats whose weights the cpu backend computes on as they are. */
export const cpuBlockWeights: BlockWeights = {
  formats: [...blockFormats, ...Object.keys(scaledBlocks)],
  embeds: true,
  byDefault: true,
  problems: (matrix, inFeatures) => (scaledBlocks[matrix.format] === undefined ? [] : scaledProblems(matrix, inFeatures)),
  packedBytes,
};
