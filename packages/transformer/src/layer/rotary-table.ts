import { type Backend, fromBFloat16, type GrowableTensor, growableTensor, rotaryTables, type Tensor, toBFloat16 } from "@elastic-attention/tensor";
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
    /** Rounds the tables to bf16 as the published bf16 models do (reference semantics 2.3), for parity with them. */
    private readonly roundToBFloat16 = false,
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
    if (this.roundToBFloat16) {
      const rounded = roundedTables(cosine.numRows, frequencies, scale);
      this.backend.write(cosine, rounded.cosine);
      this.backend.write(sine, rounded.sine);
    } else {
      using radians = this.backend.upload(frequencies, [frequencies.length], "f32");
      this.backend.kernels.run(rotaryTables, { frequencies: radians, scale, cosine, sine });
    }
  }
}

/** Rows of the tables when `needed` positions are asked for: powers of two, the context at most. */
export function tablePositions(needed: number, contextLength: number): number {
  return Math.max(needed, Math.min(contextLength, Math.max(256, 2 ** Math.ceil(Math.log2(needed)))));
}

function roundedTables(positions: number, frequencies: ArrayLike<number>, scale: number) {
  const round = (value: number) => fromBFloat16(toBFloat16(value));
  const half = frequencies.length;
  const [cosine, sine] = [new Float32Array(positions * half), new Float32Array(positions * half)];
  for (let position = 0; position < positions; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = Math.fround(position * frequencies[pair]!);
      cosine[position * half + pair] = round(Math.cos(angle) * scale);
      sine[position * half + pair] = round(Math.sin(angle) * scale);
    }
  }
  return { cosine, sine };
}
