import { ModelConfigError } from "@elastic-attention/core";
import { type BlockMatrix, type BlockMatrixShape, checkScaledMatrix, type ScaledMatrix, toFloat16 } from "@elastic-attention/tensor";

/** Inputs of a block. */
const blockSize = 32;

/** What matrices whose scales lie beside their numbers become: the same integers in blocks of 32 under halves. */
export const scaledBlocks: Readonly<Record<string, string>> = { I4: "Q4_1", I8: "Q8_0" };

/** Why such a matrix has no blocks. */
export function scaledProblems({ blockColumns = Infinity }: BlockMatrixShape, inFeatures: number): readonly string[] {
  if (inFeatures % blockSize !== 0) return [`${inFeatures} inputs are not whole blocks of ${blockSize}`];
  return blockColumns >= inFeatures || blockColumns % blockSize === 0 ? [] : [`groups of ${blockColumns} inputs: the kernel takes multiples of ${blockSize}`];
}

/**
 * The matrix in blocks. Integers stay as they are; scales, and minus zero points times scales, become halves, which published
 * scales are already.
 * @throws ModelConfigError for a scale that no half holds; ShapeError
 */
export function asBlocks(matrix: ScaledMatrix): BlockMatrix {
  checkScaledMatrix(matrix);
  const { name, format, rows, columns, blockRows, blockColumns, bytes, scales, zeros } = matrix;
  const groups = Math.ceil(columns / blockColumns);
  const isPacked = format === "I4";
  const [numbers, blockBytes] = isPacked ? [4, 20] : [2, 34];
  const blocks = new Uint8Array(rows * (columns / blockSize) * blockBytes);
  const halves = new DataView(blocks.buffer);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += blockSize, at += blockBytes) {
      const group = Math.floor(row / blockRows) * groups + Math.floor(column / blockColumns);
      halves.setUint16(at, half(matrix, scales[group]!), true);
      const from = row * columns + column;
      if (!isPacked) {
        blocks.set(bytes.subarray(from, from + blockSize), at + numbers);
        continue;
      }
      halves.setUint16(at + 2, half(matrix, -zeros![group]! * scales[group]!), true);
      // Neighbours share a byte there, inputs that are 16 apart share one here.
      for (let i = 0; i < 8; i++) {
        const [low, high] = [bytes[from / 2 + i]!, bytes[from / 2 + 8 + i]!];
        blocks[at + numbers + 2 * i] = (low & 15) | (high & 15) << 4;
        blocks[at + numbers + 2 * i + 1] = (low >> 4) | (high & 0xf0);
      }
    }
  }
  return { ...(name === undefined ? {} : { name }), format: scaledBlocks[format]!, rows, columns, bytes: blocks };
}

const largestHalf = 65504;

function half({ name = "A weight", format }: ScaledMatrix, value: number): number {
  // What is not finite is refused where blocks are packed.
  if (Number.isFinite(value) && Math.abs(value) > largestHalf) {
    throw new ModelConfigError(`${name} has a scale of ${value}, and weights in ${format} are computed on under scales of at most ${largestHalf}.`, "Unpack them: --weights unpacked.");
  }
  return toFloat16(value);
}
