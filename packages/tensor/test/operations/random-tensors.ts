import { seededRandom } from "@elastic-attention/fixtures";
import { type ReferenceBackend, type Tensor, writeFloats } from "../../src/index.js";

/** Values between center − 1 and center + 1. */
export function randomTensor(backend: ReferenceBackend, shape: readonly number[], seed: number, center = 0): Tensor {
  const draw = seededRandom(seed);
  const tensor = backend.allocate(shape, "f32");
  writeFloats(tensor, Float64Array.from({ length: tensor.numElements }, () => center + 2 * draw() - 1));
  return tensor;
}
