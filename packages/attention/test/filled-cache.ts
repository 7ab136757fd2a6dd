import type { Backend, FloatDType, Tensor } from "@elastic-attention/tensor";
import { writeFloats } from "@elastic-attention/tensor";
import { cacheAppend, headStores, type LayerCache, numSlots } from "../src/index.js";

/**
 * A cache of one layer that keeps everything, filled with token-major keys and values, with `spareSlots` of NaN behind
 * each head: a kernel that reads a slot too far shows it.
 */
export function filledCache(
  backend: Backend,
  keys: ArrayLike<number>,
  values: ArrayLike<number>,
  layout: { numKeyValueHeads: number; headDim: number; dtype?: FloatDType; spareSlots?: number },
): LayerCache & Disposable {
  const { numKeyValueHeads, headDim, dtype = "f32", spareSlots = 0 } = layout;
  const tokens = keys.length / (numKeyValueHeads * headDim);
  const heads = headStores(
    Array.from({ length: numKeyValueHeads }, () => ({ type: "all" }) as const),
    tokens + spareSlots,
    0,
  );
  const shape = [tokens, numKeyValueHeads, headDim];
  const cache = {
    numKeyValueHeads,
    headDim,
    length: 0,
    keys: poisoned(backend, [numSlots(heads), headDim], dtype),
    values: poisoned(backend, [numSlots(heads), headDim], dtype),
    heads,
    [Symbol.dispose]() {
      cache.keys.dispose();
      cache.values.dispose();
    },
  };
  using newKeys = floats(backend, keys, shape);
  using newValues = floats(backend, values, shape);
  backend.kernels.run(cacheAppend, { keys: newKeys, values: newValues, cache });
  cache.length = tokens;
  return cache;
}

/** A tensor with these numbers, in the precision of a reference backend. */
export function floats(backend: Backend, values: ArrayLike<number>, shape: readonly number[], dtype: FloatDType = "f32"): Tensor {
  const tensor = backend.allocate(shape, dtype);
  writeFloats(tensor, values);
  return tensor;
}

/** A tensor full of NaN: whatever a kernel does not write stays visible. */
export function poisoned(backend: Backend, shape: readonly number[], dtype: FloatDType = "f32"): Tensor {
  const tensor = backend.allocate(shape, dtype);
  writeFloats(tensor, new Float64Array(tensor.numElements).fill(NaN));
  return tensor;
}
