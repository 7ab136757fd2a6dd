import { randomFloats } from "@elastic-attention/fixtures";
import { type Backend, type FloatDType, type Tensor, tensorFromFloats } from "@elastic-attention/tensor";

/** Random values that are the same on every backend. */
export function randomTensor(backend: Backend, shape: readonly number[], dtype: FloatDType, seed: number, scale = 1): Tensor {
  return tensorFromFloats(backend, randomFloats(seed, elementCount(shape), scale), shape, dtype);
}

export { tensorFromFloats as uploadFloats };

/** A tensor full of NaN: what a kernel forgets to write shows. */
export function poisoned(backend: Backend, shape: readonly number[], dtype: FloatDType): Tensor {
  const length = elementCount(shape);
  return backend.upload(dtype === "f32" ? new Float32Array(length).fill(NaN) : new Uint16Array(length).fill(0x7fff), shape, dtype);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** max |a - b| / max |b|; Infinity where one of them is NaN and the other is not. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let [error, largest] = [0, 1e-30];
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i]!));
    if (Object.is(actual[i], expected[i])) continue;
    const difference = Math.abs(actual[i]! - expected[i]!);
    error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
  }
  return error / largest;
}

/** |a - b| / |b|; NaN where there is one. */
export function relativeLength(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let [error, length] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    length += expected[i]! ** 2;
  }
  return Math.sqrt(error / length);
}

/**
 * What a result may be off by: float32 sums in another order, or one rounding to 16 bits. With the 11 bits of f16 some
 * sums fall next to a rounding boundary, and two right results are one unit apart.
 */
export const tolerances = { f32: 2e-5, bf16: 2 ** -8, f16: 2 ** -10 } as const;

/**
 * The same for gradients, whose terms cancel: a float32 sum that is off in its last bits may fall on the other side of a
 * rounding boundary, and two right results in 16 bits are one unit apart.
 */
export const gradientTolerances = { f32: 2e-5, bf16: 2 ** -7, f16: 2 ** -10 } as const;
