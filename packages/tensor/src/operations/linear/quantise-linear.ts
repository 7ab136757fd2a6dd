import { ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { weightQuantisers } from "../../weight-formats/quantise/index.js";
import { roundRowToE4M3 } from "../../weight-formats/quantise/quantise-e4m3.js";
import { weightByteLength } from "../../weight-formats/weight-format.js";
import { weightFormat } from "../../weight-formats/weight-formats.js";
import { expectShape } from "../elements/expect-shape.js";
import { LinearWeight } from "./linear-weight.js";

export interface QuantiseLinearCall {
  /** Float matrices [out_i, in] of finite numbers, joined along their outputs. */
  readonly weights: readonly Tensor[];
  /** F8_E4M3 under a scale for each output, or one in blocks, as GGUF names it: Q8_0, Q4_K. */
  readonly format: string;
}

/**
 * Rounds float matrices where they are and packs them into one {@link LinearWeight} that is computed on in that format. The
 * reference computes in float32 on what the rounded numbers stand for.
 * @throws ShapeError, UnsupportedWeightFormatError
 */
export const quantiseLinear = defineOperation<QuantiseLinearCall, LinearWeight>("quantiseLinear", ({ weights, format }, backend) => {
  const { outFeatures, inFeatures } = quantisedShape(weights);
  const packed = backend.allocate([outFeatures, inFeatures], "f32");
  try {
    let row = 0;
    for (const weight of weights) {
      writeFloats(packed.rows(row, row + weight.numRows), rounded(readFloats(weight), inFeatures, format));
      row += weight.numRows;
    }
  } catch (error) {
    packed.dispose();
    throw error;
  }
  return new LinearWeight(backend, packed.storage, outFeatures, inFeatures, "f32");
});

/** Shape of matrices joined along their rows. @throws ShapeError */
export function quantisedShape(weights: readonly Tensor[]): { readonly outFeatures: number; readonly inFeatures: number } {
  const inFeatures = weights[0]?.shape[1];
  if (inFeatures === undefined) throw new ShapeError("quantiseLinear: no weight given.");
  for (const weight of weights) expectShape("quantiseLinear", "weight", weight, [-1, inFeatures]);
  return { outFeatures: weights.reduce((sum, { numRows }) => sum + numRows, 0), inFeatures };
}

function rounded(values: ArrayLike<number>, columns: number, format: string): Float32Array {
  const result = Float32Array.from(values);
  if (format === "F8_E4M3") {
    for (let row = 0; row < result.length; row += columns) roundRowToE4M3(result.subarray(row, row + columns));
    return result;
  }
  const quantise = weightQuantisers.get(format);
  if (quantise === undefined) throw new UnsupportedWeightFormatError(format, "quantiseLinear", ["F8_E4M3", ...weightQuantisers.keys()]);
  const known = weightFormat(format, "quantiseLinear");
  if (columns % known.blockSize !== 0) throw new ShapeError(`quantiseLinear: ${columns} columns are not whole blocks of ${known.blockSize} (${format}).`);
  const blocks = new Uint8Array(weightByteLength(known, result.length));
  quantise(result, blocks);
  known.dequantize(blocks, result);
  return result;
}
