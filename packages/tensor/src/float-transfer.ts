import { type FloatArray, readFloats, writeFloats } from "./reference/floats.js";
import { ReferenceBackend } from "./reference/reference-backend.js";
import type { Tensor } from "./tensor.js";

/** The numbers of a float tensor on the host: float32, and float64 from a reference backend of that precision. */
export function downloadFloats(tensor: Tensor): FloatArray {
  return tensor.backend instanceof ReferenceBackend ? readFloats(tensor) : tensor.toFloat32();
}

/** Overwrites an f32 tensor with numbers of the host, without rounding where its backend keeps float64. @throws ShapeError */
export function uploadFloats(tensor: Tensor, values: FloatArray): void {
  if (tensor.backend instanceof ReferenceBackend) writeFloats(tensor, values);
  else tensor.backend.write(tensor, values instanceof Float32Array ? values : Float32Array.from(values));
}
