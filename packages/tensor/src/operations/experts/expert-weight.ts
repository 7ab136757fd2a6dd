import { DisposedError, ShapeError } from "@elastic-attention/core";
import type { Backend } from "../../backend.js";
import type { FloatDType } from "../../dtype.js";
import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import { type Storage, Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

/** The matrices [out, in] of a layer's experts, one behind the other in the layout the backend multiplies fastest. */
export class ExpertWeight implements Disposable {
  constructor(
    readonly backend: Backend,
    /** `numExperts` equal parts, each in the backend's own form of one matrix. */
    readonly storage: Storage,
    readonly numExperts: number,
    readonly outFeatures: number,
    readonly inFeatures: number,
    /** Type the products are computed from; sums are float32 at least. */
    readonly dtype: FloatDType,
  ) {}

  get byteLength(): number {
    return this.storage.byteLength;
  }

  assertAlive(): void {
    if (!this.storage.disposed) return;
    throw new DisposedError(`An expert weight [${this.numExperts}, ${this.outFeatures}, ${this.inFeatures}]`);
  }

  dispose(): void {
    this.storage.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The matrices [experts · out, in] behind a weight of the reference backend. */
export function referenceExperts({ backend, storage, numExperts, outFeatures, inFeatures, dtype }: ExpertWeight): Tensor {
  return new Tensor(backend, storage, [numExperts * outFeatures, inFeatures], dtype, 0, inFeatures, false);
}

export interface AllocateExpertsCall {
  readonly numExperts: number;
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly dtype: FloatDType;
}

/** Memory for a layer's experts; every one of them is to be filled by `packExpert` before it is multiplied. */
export const allocateExperts = defineOperation<AllocateExpertsCall, ExpertWeight>(
  "allocateExperts",
  ({ numExperts, outFeatures, inFeatures, dtype }, backend) => {
    const { storage } = backend.allocate([numExperts, outFeatures, inFeatures], dtype);
    return new ExpertWeight(backend, storage, numExperts, outFeatures, inFeatures, dtype);
  },
);

export interface PackExpertCall {
  readonly experts: ExpertWeight;
  readonly expert: number;
  /** Row-major float matrices [out_i, in], joined along their outputs (gate, then up). */
  readonly weights: readonly Tensor[];
}

/** Fills the matrix of one expert. The inputs may be disposed afterwards. */
export const packExpert = defineOperation<PackExpertCall>("packExpert", (call) => {
  expectExpert(call);
  const { experts, expert, weights } = call;
  let row = expert * experts.outFeatures;
  for (const weight of weights) {
    writeFloats(referenceExperts(experts).rows(row, row + weight.numRows), readFloats(weight));
    row += weight.numRows;
  }
});

/** @throws ShapeError where the matrices do not make one expert */
export function expectExpert({ experts, expert, weights }: PackExpertCall): void {
  experts.assertAlive();
  for (const weight of weights) expectShape("packExpert", "weight", weight, [-1, experts.inFeatures]);
  const outFeatures = weights.reduce((sum, weight) => sum + weight.numRows, 0);
  if (outFeatures !== experts.outFeatures) {
    throw new ShapeError(`packExpert: the weights have ${outFeatures} outputs, an expert has ${experts.outFeatures}.`);
  }
  if (!(Number.isInteger(expert) && expert >= 0 && expert < experts.numExperts)) {
    throw new ShapeError(`packExpert: there is no expert ${expert} among ${experts.numExperts}.`);
  }
}
