import type { FloatArray } from "../../reference/floats.js";

/** Adds the gradient of one RMS-normalised vector x[start …] to `dx`, for the reference kernels of both norms. */
export function normalizedRowGradient(
  x: FloatArray,
  weight: FloatArray,
  dy: FloatArray,
  dx: FloatArray,
  start: number,
  length: number,
  epsilon: number,
): void {
  let squares = 0;
  let product = 0;
  for (let i = 0; i < length; i++) {
    squares += x[start + i]! ** 2;
    product += dy[start + i]! * weight[i]! * x[start + i]!;
  }
  const scale = 1 / Math.sqrt(squares / length + epsilon);
  const along = (product / length) * scale ** 3;
  for (let i = 0; i < length; i++) dx[start + i]! += dy[start + i]! * weight[i]! * scale - x[start + i]! * along;
}
