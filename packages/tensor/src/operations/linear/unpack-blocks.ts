import { ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { weightByteLength } from "../../weight-formats/weight-format.js";
import { weightFormat } from "../../weight-formats/weight-formats.js";

export interface UnpackBlocksCall {
  /** u8 [rows, bytes of a row]: rows as a file keeps them, in blocks. */
  readonly blocks: Tensor;
  /** As GGUF names it: Q8_0, Q4_K, … */
  readonly format: string;
  /** f32, bf16 or f16 [rows, columns]: the float32 values that the format defines, rounded to the nearest. */
  readonly output: Tensor;
}

/** Weights in blocks as the floats that they stand for. @throws ShapeError, UnsupportedWeightFormatError */
export const unpackBlocks = defineOperation<UnpackBlocksCall>("unpackBlocks", (call, backend) => {
  expectBlocks(call);
  const { blocks, format, output } = call;
  const values = new Float32Array(output.numElements);
  weightFormat(format, "unpackBlocks").dequantize(backend.download(blocks), values);
  writeFloats(output, values);
});

/** Refuses blocks that are not the rows of the output. @throws ShapeError, UnsupportedWeightFormatError */
export function expectBlocks({ blocks, format, output }: UnpackBlocksCall): void {
  const known = weightFormat(format, "unpackBlocks");
  if (known.blockSize === 1) throw new UnsupportedWeightFormatError(format, "unpackBlocks takes formats in blocks", []);
  const [rows, columns] = [output.numRows, output.rowLength];
  const fits = columns % known.blockSize === 0 && blocks.dtype === "u8" && blocks.numRows === rows && blocks.rowLength === weightByteLength(known, columns);
  if (fits) return;
  throw new ShapeError(`unpackBlocks: [${blocks.shape.join(", ")}] of ${blocks.dtype} is not a matrix [${rows}, ${columns}] in ${format}.`);
}
