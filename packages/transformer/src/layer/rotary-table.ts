import { type Backend, type GrowableTensor, growableTensor, rotaryTables, type Tensor } from "@elastic-attention/tensor";
import { inverseFrequencies, type RopeSpec } from "../model/rope-spec.js";

/**
 * Cosines and sines of a model's rotary embedding, shared by all layers, grown when longer prompts come, in place where the
 * backend can.
 */
export class RotaryTable implements Disposable {
  #cosine: GrowableTensor | undefined;
  #sine: GrowableTensor | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly rope: RopeSpec,
    private readonly headDim: number,
    private readonly contextLength: number,
  ) {}

  /** f32 tables [at least `positions`, headDim / 2]. @throws OutOfMemoryError */
  tables(positions: number): { cosine: Tensor; sine: Tensor } {
    if (this.#sine === undefined || this.#sine.tensor.numRows < positions) this.#grow(positions);
    return { cosine: this.#cosine!.tensor, sine: this.#sine!.tensor };
  }

  /** Bytes that the tables take now. */
  get byteLength(): number {
    return [this.#cosine, this.#sine].reduce((sum, table) => sum + (table?.tensor.storage.byteLength ?? 0), 0);
  }

  [Symbol.dispose](): void {
    this.#cosine?.[Symbol.dispose]();
    this.#sine?.[Symbol.dispose]();
    this.#cosine = this.#sine = undefined;
  }

  #grow(needed: number): void {
    const positions = tablePositions(needed, this.contextLength);
    const frequencies = inverseFrequencies(this.rope, this.headDim);
    // Where growing copies, the old rows are in the way; and a training pack may be longer than the context.
    if (this.#cosine?.keepsAddress !== true || positions > this.contextLength) this[Symbol.dispose]();
    const mostRows = Math.max(positions, this.contextLength);
    this.#cosine ??= growableTensor(this.backend, mostRows, frequencies.length, "f32");
    this.#sine ??= growableTensor(this.backend, mostRows, frequencies.length, "f32");
    try {
      this.#cosine.grow(positions);
      this.#sine.grow(positions);
      this.#fill(this.#cosine.tensor, this.#sine.tensor, frequencies);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #fill(cosine: Tensor, sine: Tensor, frequencies: Float32Array): void {
    const scale = this.rope.type === "yarn" ? this.rope.attentionFactor : 1;
    using radians = this.backend.upload(frequencies, [frequencies.length], "f32");
    this.backend.kernels.run(rotaryTables, { frequencies: radians, scale, cosine, sine });
  }
}

/** Rows of the tables when `needed` positions are asked for: powers of two, the context at most. */
export function tablePositions(needed: number, contextLength: number): number {
  return Math.max(needed, Math.min(contextLength, Math.max(256, 2 ** Math.ceil(Math.log2(needed)))));
}
