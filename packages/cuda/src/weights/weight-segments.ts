import { type BlockMatrixShape, type BlockWeights, weightFormat } from "@elastic-attention/tensor";

/** Formats with kernels, as the addon numbers them. */
const formatNumbers: readonly string[] = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "I4", "F8_E4M3", "I8"];

/** Those that files have in blocks along their rows. */
export const blockFormats: readonly string[] = formatNumbers.slice(0, 9);

/** Consecutive outputs of a weight that are kept in one format; see `native/weights/weight_segment.h`. */
export interface WeightSegment {
  readonly format: string;
  readonly outFeatures: number;
  /** Outputs and inputs under one scale, where the format has its scales beside its numbers. */
  readonly blockOutputs: number;
  readonly blockInputs: number;
}

/** Consecutive matrices that make one segment: of one format, and with scales of the same blocks. */
export function segmentRuns<Matrix extends BlockMatrixShape>(matrices: readonly Matrix[]): readonly (readonly Matrix[])[] {
  const runs: Matrix[][] = [];
  for (const matrix of matrices) {
    const first = runs.at(-1)?.[0];
    const { format, blockRows = 1, blockColumns } = matrix;
    // Blocks of several rows begin anew in each matrix.
    const joins = first?.format === format && blockRows === 1 && (first.blockRows ?? 1) === 1 && first.blockColumns === blockColumns;
    if (joins) runs.at(-1)!.push(matrix);
    else runs.push([matrix]);
  }
  return runs;
}

/** The segment of matrices that make one. */
export function segmentOf(matrices: readonly BlockMatrixShape[], inFeatures: number): WeightSegment {
  const { format, blockRows = 1, blockColumns = inFeatures } = matrices[0]!;
  const outFeatures = matrices.reduce((sum, { rows }) => sum + rows, 0);
  if (blockFormats.includes(format)) return { format, outFeatures, blockOutputs: 1, blockInputs: weightFormat(format, "packBlocks").blockSize };
  // One scale for all inputs of a row.
  const blockInputs = blockColumns >= inFeatures ? Math.max(1, Math.ceil(inFeatures / 128)) * 128 : blockColumns;
  return { format, outFeatures, blockOutputs: blockRows, blockInputs };
}

/** Inputs and segments as the addon reads them. */
export function segmentNumbers(inFeatures: number, segments: readonly WeightSegment[]): number[] {
  const numbers = segments.flatMap(({ format, outFeatures, blockOutputs, blockInputs }) => [formatNumbers.indexOf(format), outFeatures, blockOutputs, blockInputs]);
  return [inFeatures, segments.length, ...numbers];
}

/** A record holds 16 outputs by 128 inputs: its integers, then its scales. */
const recordBytes: Readonly<Record<string, number>> = {
  Q8_0: 2048 + 128,
  Q4_0: 1024 + 128,
  Q4_1: 1024 + 256,
  Q5_0: 1280 + 128,
  Q5_1: 1280 + 256,
  Q4_K: 1024 + 192,
  Q5_K: 1280 + 192,
  Q6_K: 1536 + 160,
  IQ4_NL: 1024 + 128,
};

/** Bytes of a segment on the device; the addon checks them. */
export function segmentBytes({ format, outFeatures, blockOutputs, blockInputs }: WeightSegment, inFeatures: number): number {
  const aligned = (bytes: number) => Math.ceil(bytes / 256) * 256;
  if (format === "F8_E4M3" || format === "I8") {
    return aligned(outFeatures * Math.ceil(inFeatures / 16) * 16 + 4 * Math.ceil(outFeatures / blockOutputs) * Math.ceil(inFeatures / blockInputs));
  }
  const record = format === "I4" ? 1024 + 128 * (blockInputs >= 128 ? 1 : 128 / blockInputs) : recordBytes[format]!;
  return aligned(Math.ceil(outFeatures / 16) * Math.ceil(inFeatures / 128) * record);
}

/** The formats whose weights the cuda backend computes on as they are. */
export const cudaBlockWeights: BlockWeights = {
  formats: formatNumbers,
  problems({ format, blockColumns = Infinity }, inFeatures) {
    if (blockFormats.includes(format) || blockColumns >= inFeatures || blockColumns % 128 === 0) return [];
    if (format === "I4") return blockColumns === 32 || blockColumns === 64 ? [] : [`groups of ${blockColumns} inputs: the kernel takes 32, 64 and multiples of 128`];
    return [`scales of ${blockColumns} inputs: the kernel takes multiples of 128`];
  },
  packedBytes: (matrices, inFeatures) => segmentRuns(matrices).reduce((sum, run) => sum + segmentBytes(segmentOf(run, inFeatures), inFeatures), 0),
};
