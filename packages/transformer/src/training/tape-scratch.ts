import type { DType, Tape, Tensor } from "@elastic-attention/tensor";
import type { Scratch } from "../layer/decoder-layer.js";
import type { ExpertTensors } from "../layer/expert-feed-forward.js";
import { expertTensors } from "../memory/expert-memory.js";
import type { ExpertsFeedForward } from "../model/layer-spec.js";
import type { ModelSpec } from "../model/model-spec.js";

/** Memory of a tape for values within a layer: what a gradient reads again has memory of its own. */
export class TapeScratch implements Scratch {
  #normed: Tensor | undefined;

  constructor(
    private readonly tape: Tape,
    private readonly spec: ModelSpec,
    private readonly dtype: DType,
    /** Most rows of {@link normed}. */
    private readonly chunkRows: number,
  ) {}

  /** No gradient reads what a norm gives: it is computed from the norm's input. */
  normed(rows: number): Tensor {
    this.#normed ??= this.tape.allocate([this.chunkRows, this.spec.hiddenSize], this.dtype);
    return this.#normed.rows(0, rows);
  }

  /** The norm behind a part reads it again on the way back. */
  partOutput(rows: number): Tensor {
    return this.tape.allocate([rows, this.spec.hiddenSize], this.dtype);
  }

  gateUp(rows: number, features: number): Tensor {
    return this.tape.allocate([rows, features], this.dtype);
  }

  activation(gate: Tensor): Tensor {
    return this.tape.allocate(gate.shape, gate.dtype);
  }

  /** The weighted sum reads what the experts give again on the way back. */
  experts(rows: number, spec: ExpertsFeedForward): ExpertTensors {
    return expertTensors((shape, dtype) => this.tape.allocate(shape, dtype), spec, rows, this.spec.hiddenSize, this.dtype);
  }
}
