import { type Backend, type GrowableTensor, growableTensor, rotaryTables, type Tensor } from "@elastic-attention/tensor";
import type { QueryScaling } from "../../model/model-spec.js";
import { inverseFrequencies } from "../../model/rope/frequencies.js";
import { attentionFactor, type RopeSpec } from "../../model/rope/rope-spec.js";
import { queryFactor, rotaryRows } from "./rotary-rows.js";

/** Cosines and sines, f32 [positions, pairs] each. */
export interface RotaryTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

export interface RotaryTableOptions {
  readonly rope: RopeSpec;
  readonly contextLength: number;
  /** Length of the sequences that it is for, where their angles depend on it. Default: within the original context. */
  readonly length?: number;
  /** For tables that turn queries alone. */
  readonly queryScaling?: QueryScaling | undefined;
}

/**
 * Cosines and sines of a model's rotary embedding, shared by all layers that turn alike, grown when longer prompts come, in
 * place where the backend can.
 */
export class RotaryTable implements Disposable {
  #cosine: GrowableTensor | undefined;
  #sine: GrowableTensor | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly options: RotaryTableOptions,
  ) {}

  /** Tables of at least so many positions. @throws OutOfMemoryError */
  tables(positions: number): RotaryTables {
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
    const { rope, contextLength, length } = this.options;
    const positions = tablePositions(needed, contextLength);
    const frequencies = inverseFrequencies(rope, length);
    // Where growing copies, the old rows are in the way; and a training pack may be longer than the context.
    if (this.#cosine?.keepsAddress !== true || positions > contextLength) this[Symbol.dispose]();
    const mostRows = Math.max(positions, contextLength);
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
    const { rope, queryScaling } = this.options;
    const scale = attentionFactor(rope);
    using radians = this.backend.upload(frequencies, [frequencies.length], "f32");
    this.backend.kernels.run(rotaryTables, { frequencies: radians, scale, cosine, sine });
    // The factor of the first positions is 1.
    const first = queryScaling?.originalContextLength ?? Infinity;
    if (first >= cosine.numRows) return;
    const rows = rotaryRows(frequencies, first, cosine.numRows - first, (position) => scale * queryFactor(queryScaling, position));
    this.backend.write(cosine.rows(first, cosine.numRows), rows.cosine);
    this.backend.write(sine.rows(first, sine.numRows), rows.sine);
  }
}

/** Rows of the tables when `needed` positions are asked for: powers of two, the context at most. */
export function tablePositions(needed: number, contextLength: number): number {
  return Math.max(needed, Math.min(contextLength, Math.max(256, 2 ** Math.ceil(Math.log2(needed)))));
}
