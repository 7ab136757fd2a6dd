import { DisposedError } from "@elastic-attention/core";
import type { Backend } from "../../backend.js";
import type { FloatDType } from "../../dtype.js";
import { type Storage, Tensor } from "../../tensor.js";

/** A weight matrix in the layout its backend multiplies fastest; made once at load by `packLinear`. */
export class LinearWeight implements Disposable {
  constructor(
    readonly backend: Backend,
    /** Backend's own form; on the reference backend a dense tensor's storage. */
    readonly storage: Storage,
    readonly outFeatures: number,
    readonly inFeatures: number,
    /** Type the products are computed from; sums are float32 at least. */
    readonly dtype: FloatDType,
    /** The backend's own number for the order of a weight in blocks; undefined for plain weights. */
    readonly blockLayout?: number,
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

/** The matrix [out, in] behind a weight of the reference backend. */
export function referenceWeight(weight: LinearWeight): Tensor {
  const { backend, storage, outFeatures, inFeatures, dtype } = weight;
  return new Tensor(backend, storage, [outFeatures, inFeatures], dtype, 0, inFeatures, false);
}
