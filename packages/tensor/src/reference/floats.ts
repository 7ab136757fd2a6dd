import { ShapeError } from "@elastic-attention/core";
import { fromBFloat16, fromFloat16, isFloat, toBFloat16, toFloat16 } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { ReferenceBackend, referenceArray } from "./reference-backend.js";

/** Numbers a reference kernel computes with: float32, or float64 on a backend of that precision. */
export type FloatArray = Float32Array | Float64Array;

/** New zeroed numbers in the precision of the tensor's backend. */
export function newFloats(like: Tensor, length: number): FloatArray {
  const { backend } = like;
  return backend instanceof ReferenceBackend && backend.precision === "f64"
    ? new Float64Array(length)
    : new Float32Array(length);
}

/** Dense copy of a float tensor's elements, row gaps removed, bf16 and f16 widened. @throws ShapeError for an integer tensor. */
export function readFloats(tensor: Tensor): FloatArray {
  assertFloat(tensor);
  const source = referenceArray(tensor);
  const result = newFloats(tensor, tensor.numElements);
  const { numRows, rowLength, rowStride, offset, dtype } = tensor;
  const widen = dtype === "bf16" ? fromBFloat16 : dtype === "f16" ? fromFloat16 : undefined;
  for (let row = 0; row < numRows; row++) {
    const start = offset + row * rowStride;
    if (widen === undefined) result.set(source.subarray(start, start + rowLength), row * rowLength);
    else for (let i = 0; i < rowLength; i++) result[row * rowLength + i] = widen(source[start + i]!);
  }
  return result;
}

/** Writes dense numbers into a tensor or view, rounding once to its dtype. @throws ShapeError when counts differ or for an integer tensor. */
export function writeFloats(tensor: Tensor, values: ArrayLike<number>): void {
  assertFloat(tensor);
  const target = referenceArray(tensor);
  const { numRows, rowLength, rowStride, offset, dtype } = tensor;
  if (values.length !== tensor.numElements) {
    throw new ShapeError(`${values.length} values do not fill a tensor of ${tensor.numElements} elements.`);
  }
  const round = dtype === "bf16" ? toBFloat16 : dtype === "f16" ? toFloat16 : (value: number) => value;
  for (let row = 0; row < numRows; row++) {
    for (let i = 0; i < rowLength; i++) target[offset + row * rowStride + i] = round(values[row * rowLength + i]!);
  }
}

/** Dense copy of an integer tensor's elements. @throws ShapeError for a float tensor. */
export function readIntegers(tensor: Tensor): Int32Array {
  if (tensor.dtype !== "i32" && tensor.dtype !== "u8") {
    throw new ShapeError(`Integers expected, found a tensor of ${tensor.dtype}.`);
  }
  const source = referenceArray(tensor);
  const result = new Int32Array(tensor.numElements);
  const { numRows, rowLength, rowStride, offset } = tensor;
  for (let row = 0; row < numRows; row++) {
    const start = offset + row * rowStride;
    result.set(source.subarray(start, start + rowLength), row * rowLength);
  }
  return result;
}

function assertFloat(tensor: Tensor): void {
  if (!isFloat(tensor.dtype)) throw new ShapeError(`Floats expected, found a tensor of ${tensor.dtype}.`);
}
