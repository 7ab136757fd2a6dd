import { CallArguments } from "@elastic-attention/addon";
import { type Backend, LinearWeight, type Storage } from "@elastic-attention/tensor";
import { segmentNumbers, type WeightSegment } from "./weight-segments.js";

/** A weight whose outputs are kept in formats of less than 16 bits. */
export class SegmentedWeight extends LinearWeight {
  constructor(
    backend: Backend,
    storage: Storage,
    outFeatures: number,
    inFeatures: number,
    readonly segments: readonly WeightSegment[],
  ) {
    super(backend, storage, outFeatures, inFeatures, "f32", 0);
  }

  /** Its bytes as one row, then what lies in them. */
  arguments(call = new CallArguments()): CallArguments {
    this.assertAlive();
    const { byteLength } = this.storage;
    const u8 = 4;
    return call.number(this.storage.handle as number, 0, 1, byteLength, byteLength, u8, ...segmentNumbers(this.inFeatures, this.segments));
  }
}
