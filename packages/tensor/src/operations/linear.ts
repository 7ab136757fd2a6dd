import type { Backend } from "../backend.js";
import type { FloatDType } from "../dtype.js";
import { DisposedError, ShapeError } from "../errors.js";
import { defineOperation } from "../operation.js";
import { newFloats, readFloats, writeFloats } from "../reference/floats.js";
import { type Storage, Tensor } from "../tensor.js";
import { expectShape } from "./expect-shape.js";

/** A weight matrix in the layout its backend multiplies fastest; made once at load by {@link packLinear}. */
export class LinearWeight implements Disposable {
  constructor(
    readonly backend: Backend,
    /** Backend's own form; on the reference backend a dense tensor's storage. */
    readonly storage: Storage,
    readonly outFeatures: number,
    readonly inFeatures: number,
    /** Type the products are computed from; sums are float32 at least. */
    readonly dtype: FloatDType,
  ) {}

  get byteLength(): number {
    return this.storage.byteLength;
  }

  assertAlive(): void {
    if (this.storage.disposed) throw new DisposedError(`A linear weight [${this.outFeatures}, ${this.inFeatures}]`);
  }

  dispose(): void {
    this.storage.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

export interface PackLinearCall {
  /** Row-major float matrices [out_i, in], joined along their outputs (fused q, k, v or gate, up). */
  readonly weights: readonly Tensor[];
  readonly dtype: FloatDType;
}

/** Packs one or more weight matrices into one {@link LinearWeight}. The inputs may be disposed afterwards. */
export const packLinear = defineOperation<PackLinearCall, LinearWeight>("packLinear", ({ weights, dtype }, backend) => {
  const first = weights[0];
  if (first === undefined) throw new ShapeError("packLinear: no weight given.");
  const inFeatures = first.shape[1] ?? -1;
  for (const weight of weights) expectShape("packLinear", "weight", weight, [-1, inFeatures]);
  const outFeatures = weights.reduce((sum, weight) => sum + weight.numRows, 0);
  const packed = backend.allocate([outFeatures, inFeatures], dtype);
  let row = 0;
  try {
    for (const weight of weights) {
      writeFloats(packed.rows(row, row + weight.numRows), readFloats(weight));
      row += weight.numRows;
    }
  } catch (error) {
    packed.dispose();
    throw error;
  }
  return new LinearWeight(backend, packed.storage, outFeatures, inFeatures, dtype);
});

export interface LinearCall {
  /** [rows, in], f32 or the weight's dtype. */
  readonly input: Tensor;
  readonly weight: LinearWeight;
  /** [out], any float dtype. */
  readonly bias?: Tensor;
  /** [rows, out]. */
  readonly output: Tensor;
  /** Adds to what `output` holds (a residual stream) instead of overwriting it. */
  readonly accumulate?: boolean;
}

/** output = input · weightᵀ (+ bias) (+ output), summed in float32 at least and rounded once. */
export const linear = defineOperation<LinearCall>("linear", ({ input, weight, bias, output, accumulate }) => {
  weight.assertAlive();
  const { inFeatures, outFeatures } = weight;
  expectShape("linear", "input", input, [-1, inFeatures]);
  expectShape("linear", "output", output, [input.numRows, outFeatures]);
  if (bias !== undefined) expectShape("linear", "bias", bias, [outFeatures]);
  const x = readFloats(input);
  const w = readFloats(referenceWeight(weight));
  const b = bias === undefined ? undefined : readFloats(bias);
  const y = accumulate ? readFloats(output) : newFloats(output, output.numElements);
  for (let row = 0; row < input.numRows; row++) {
    for (let out = 0; out < outFeatures; out++) {
      let sum = b === undefined ? 0 : b[out]!;
      for (let i = 0, xi = row * inFeatures, wi = out * inFeatures; i < inFeatures; i++) sum += x[xi + i]! * w[wi + i]!;
      y[row * outFeatures + out]! += sum;
    }
  }
  writeFloats(output, y);
});

/** The matrix [out, in] behind a weight of the reference backend. */
export function referenceWeight(weight: LinearWeight): Tensor {
  const { backend, storage, outFeatures, inFeatures, dtype } = weight;
  return new Tensor(backend, storage, [outFeatures, inFeatures], dtype, 0, inFeatures, false);
}
