import { ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { writeFloats } from "../../reference/floats.js";
import { weightByteLength } from "../../weight-formats/weight-format.js";
import { weightFormat } from "../../weight-formats/weight-formats.js";
import { LinearWeight } from "./linear-weight.js";
import { checkScaledMatrix, isScaledMatrix, type ScaledMatrix, scaledValues } from "./scaled-matrix.js";

/** A matrix [rows, columns] as it lies in a file, in blocks along its rows. */
export interface BlockMatrix {
  /** What errors call it: the name of its tensor. */
  readonly name?: string;
  /** As GGUF names it: Q8_0, Q4_K, … */
  readonly format: string;
  readonly rows: number;
  readonly columns: number;
  readonly bytes: Uint8Array;
}

export interface PackBlocksCall {
  /** Matrices of the same columns, joined along their rows (fused q, k, v or gate, up); formats may differ. Scales are finite. */
  readonly weights: readonly (BlockMatrix | ScaledMatrix)[];
}

/**
 * Packs matrices in blocks into one {@link LinearWeight} that is computed on as it is: a kernel may round the inputs of a
 * product to int8 by blocks of 32. The reference computes in float32 on what the formats stand for.
 * @throws ShapeError, UnsupportedWeightFormatError
 */
export const packBlocks = defineOperation<PackBlocksCall, LinearWeight>("packBlocks", ({ weights }, backend) => {
  const { outFeatures, inFeatures } = joinedShape(weights);
  const packed = backend.allocate([outFeatures, inFeatures], "f32");
  let row = 0;
  for (const weight of weights) {
    writeFloats(packed.rows(row, row + weight.rows), isScaledMatrix(weight) ? scaledValues(weight) : blockValues(weight));
    row += weight.rows;
  }
  return new LinearWeight(backend, packed.storage, outFeatures, inFeatures, "f32");
});

function blockValues({ format, rows, columns, bytes }: BlockMatrix): Float32Array {
  const values = new Float32Array(rows * columns);
  weightFormat(format, "packBlocks").dequantize(bytes, values);
  return values;
}

/** Shape of matrices joined along their rows, whose bytes fit. @throws ShapeError, UnsupportedWeightFormatError */
export function joinedShape(weights: PackBlocksCall["weights"]): { readonly outFeatures: number; readonly inFeatures: number } {
  const inFeatures = weights[0]?.columns;
  if (inFeatures === undefined) throw new ShapeError("packBlocks: no weight given.");
  for (const weight of weights) {
    const { format, rows, columns, bytes } = weight;
    if (columns !== inFeatures) throw new ShapeError(`packBlocks: weights of ${inFeatures} and of ${columns} columns cannot be joined.`);
    if (isScaledMatrix(weight)) {
      checkScaledMatrix(weight);
      continue;
    }
    const known = weightFormat(format, "packBlocks");
    if (known.blockSize === 1) throw new UnsupportedWeightFormatError(format, "packBlocks takes formats in blocks", []);
    if (columns % known.blockSize !== 0) throw new ShapeError(`packBlocks: ${columns} columns are not whole blocks of ${known.blockSize} (${format}).`);
    if (bytes.length !== weightByteLength(known, rows * columns)) {
      throw new ShapeError(`packBlocks: [${rows}, ${columns}] in ${format} is ${weightByteLength(known, rows * columns)} bytes, found ${bytes.length}.`);
    }
  }
  return { outFeatures: weights.reduce((sum, { rows }) => sum + rows, 0), inFeatures };
}
