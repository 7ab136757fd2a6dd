import { type Backend, fromBFloat16, type Tensor, toBFloat16 } from "@elastic-attention/tensor";
import { inverseFrequencies, type RopeSpec } from "./rope-spec.js";

/** Cosines and sines of a model's rotary embedding, shared by all layers, grown when longer prompts come. */
export class RotaryTable implements Disposable {
  #cosine: Tensor | undefined;
  #sine: Tensor | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly rope: RopeSpec,
    private readonly headDim: number,
    /** Rounds the tables to bf16 as the published bf16 models do (reference semantics 2.3), for parity with them. */
    private readonly roundToBFloat16 = false,
  ) {}

  /** f32 tables [at least `positions`, headDim / 2]. @throws OutOfMemoryError */
  tables(positions: number): { cosine: Tensor; sine: Tensor } {
    if (this.#cosine === undefined || this.#sine === undefined || this.#cosine.numRows < positions) {
      this.#grow(Math.max(256, 2 ** Math.ceil(Math.log2(positions))));
    }
    return { cosine: this.#cosine!, sine: this.#sine! };
  }

  [Symbol.dispose](): void {
    this.#cosine?.dispose();
    this.#sine?.dispose();
    this.#cosine = this.#sine = undefined;
  }

  #grow(positions: number): void {
    this[Symbol.dispose]();
    const frequencies = inverseFrequencies(this.rope, this.headDim);
    const scale = this.rope.type === "yarn" ? this.rope.attentionFactor : 1;
    const round = this.roundToBFloat16 ? (value: number) => fromBFloat16(toBFloat16(value)) : Math.fround;
    const half = frequencies.length;
    const [cosine, sine] = [new Float32Array(positions * half), new Float32Array(positions * half)];
    for (let position = 0; position < positions; position++) {
      for (let pair = 0; pair < half; pair++) {
        const angle = Math.fround(position * frequencies[pair]!);
        cosine[position * half + pair] = round(Math.cos(angle) * scale);
        sine[position * half + pair] = round(Math.sin(angle) * scale);
      }
    }
    this.#cosine = this.backend.upload(cosine, [positions, half], "f32");
    this.#sine = this.backend.upload(sine, [positions, half], "f32");
  }
}
