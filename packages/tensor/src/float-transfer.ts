import { ShapeError } from "@elastic-attention/core";
import type { Backend } from "./backend.js";
import { type FloatDType, toBFloat16, toFloat16 } from "./dtype.js";
import { type FloatArray, readFloats, writeFloats } from "./reference/floats.js";
import { ReferenceBackend } from "./reference/reference-backend.js";
import type { Tensor } from "./tensor.js";

/** The numbers of a float tensor on the host: float32, and float64 from a reference backend of that precision. */
export function downloadFloats(tensor: Tensor): FloatArray {
  return tensor.backend instanceof ReferenceBackend ? readFloats(tensor) : tensor.toFloat32();
}

/**
 * Overwrites a float tensor or view of any backend with dense numbers of the host, rounded once to its dtype; a reference backend
 * of float64 keeps them as they are.
 *
 * @throws ShapeError when the counts differ, or for an integer tensor
 */
export function uploadFloats(tensor: Tensor, values: FloatArray): void {
  const { backend, dtype } = tensor;
  if (backend instanceof ReferenceBackend) writeFloats(tensor, values);
  else if (dtype === "f32" || dtype === "bf16" || dtype === "f16") backend.write(tensor, elements(values, dtype));
  else throw new ShapeError(`Floats expected, found a tensor of ${dtype}.`);
}

/** A new float tensor of any backend with dense numbers of the host, rounded once to the dtype; the caller disposes it. @throws ShapeError */
export function tensorFromFloats(backend: Backend, values: FloatArray, shape: readonly number[], dtype: FloatDType): Tensor {
  if (!(backend instanceof ReferenceBackend)) return backend.upload(elements(values, dtype), shape, dtype);
  const tensor = backend.allocate(shape, dtype);
  try {
    writeFloats(tensor, values);
    return tensor;
  } catch (error) {
    tensor.dispose();
    throw error;
  }
}

function elements(values: FloatArray, dtype: FloatDType): Float32Array | Uint16Array {
  if (dtype === "f32") return values instanceof Float32Array ? values : new Float32Array(values);
  const round = dtype === "bf16" ? toBFloat16 : toFloat16;
  const patterns = new Uint16Array(values.length);
  // `from` with a function is many times slower.
  for (let index = 0; index < values.length; index++) patterns[index] = round(values[index]!);
  return patterns;
}
