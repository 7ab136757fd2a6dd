import { ModelConfigError, ShapeError } from "@elastic-attention/core";
import { type Checkpoint, dequantizeMxfp4 } from "@elastic-attention/tensor";
import { innerFeatures } from "../model/layer-spec.js";
import type { ModelAdapter } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { findNotFinite, finiteFloats, hostFloats } from "./host-floats.js";
import { notFinite } from "./rows/unpack-rows.js";

/** The matrix of all experts of a layer, in one tensor. */
export interface JoinedShape {
  readonly numExperts: number;
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** Whether the outputs alternate: those of the gate at even places, those of up at odd ones. */
  readonly alternating: boolean;
  readonly bias: boolean;
}

/** The matrices of one projection of a layer's experts. @throws MissingTensorError, ShapeError */
export function joinedExperts(
  checkpoint: Checkpoint,
  adapter: Pick<ModelAdapter, "weightName">,
  { hiddenSize, layers }: Pick<ModelSpec, "hiddenSize" | "layers">,
  layer: number,
  role: "expertGateUp" | "expertDown",
): JoinedExperts {
  const { feedForward } = layers[layer]!;
  if (feedForward.kind !== "experts") throw new ModelConfigError(`Layer ${layer} has no experts.`);
  const { numExperts, intermediateSize, gated, bias } = feedForward;
  const sizes = role === "expertGateUp" ? { outFeatures: innerFeatures(feedForward), inFeatures: hiddenSize } : { outFeatures: hiddenSize, inFeatures: intermediateSize };
  return new JoinedExperts(checkpoint, adapter.weightName(role, layer), { numExperts, ...sizes, alternating: role === "expertGateUp" && gated, bias });
}

/**
 * Matrices of experts that a checkpoint keeps in one tensor, as gpt-oss does: floats [experts, in, out], or MXFP4 as blocks
 * [experts, out, in / 32, 16] beside their scales [experts, out, in / 32]. Each is read by itself, as [out, in], the outputs of
 * the gate in front of those of up.
 */
export class JoinedExperts {
  /** @throws MissingTensorError, ShapeError */
  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly name: string,
    private readonly shape: JoinedShape,
  ) {
    const { numExperts, outFeatures, inFeatures } = shape;
    if (!this.#isPacked) {
      expectEntry(checkpoint, name, [numExperts, inFeatures, outFeatures]);
      return;
    }
    if (inFeatures % 32 !== 0) throw new ShapeError(`${name}_blocks: MXFP4 needs rows of a multiple of 32, found ${inFeatures}.`);
    expectEntry(checkpoint, `${name}_blocks`, [numExperts, outFeatures, inFeatures / 32, 16]);
    expectEntry(checkpoint, `${name}_scales`, [numExperts, outFeatures, inFeatures / 32]);
    for (const part of ["blocks", "scales"]) {
      const { type } = checkpoint.entry(`${name}_${part}`);
      if (type !== "U8") throw new ModelConfigError(`${name}_${part} is ${type}; MXFP4 is kept as U8.`);
    }
  }

  /** [out, in] of one expert. */
  get size(): readonly [outFeatures: number, inFeatures: number] {
    return [this.shape.outFeatures, this.shape.inFeatures];
  }

  /** The matrix of one expert, [out, in], float32. @throws ModelConfigError where it is not finite */
  matrix(expert: number): Float32Array {
    const { outFeatures, inFeatures } = this.shape;
    const values = new Float32Array(outFeatures * inFeatures);
    if (this.#isPacked) {
      const rows = new Float32Array(values.length);
      dequantizeMxfp4(this.#part(`${this.name}_blocks`, expert), this.#part(`${this.name}_scales`, expert), rows);
      for (let out = 0; out < outFeatures; out++) {
        values.set(rows.subarray(out * inFeatures, (out + 1) * inFeatures), this.#row(out) * inFeatures);
      }
    } else {
      const columns = hostFloats(this.#part(this.name, expert), this.checkpoint.entry(this.name).type);
      for (let out = 0; out < outFeatures; out++) {
        const row = this.#row(out) * inFeatures;
        for (let i = 0; i < inFeatures; i++) values[row + i] = columns[i * outFeatures + out]!;
      }
    }
    const index = findNotFinite(new Uint8Array(values.buffer), "F32");
    if (index >= 0) throw notFinite(`${this.name} (expert ${expert})`, index);
    return values;
  }

  /** @throws MissingTensorError, ShapeError where there should be biases */
  checkBiases(): void {
    const { numExperts, outFeatures, bias } = this.shape;
    if (bias) expectEntry(this.checkpoint, `${this.name}_bias`, [numExperts, outFeatures]);
  }

  /** The biases of all experts, [experts, out], in the order of the matrices' rows. */
  biases(): Float32Array {
    const { outFeatures } = this.shape;
    const name = `${this.name}_bias`;
    const source = finiteFloats(this.checkpoint.read(name), this.checkpoint.entry(name).type, name);
    const values = new Float32Array(source.length);
    for (let i = 0; i < values.length; i++) values[Math.floor(i / outFeatures) * outFeatures + this.#row(i % outFeatures)] = source[i]!;
    return values;
  }

  get #isPacked(): boolean {
    return this.checkpoint.has(`${this.name}_blocks`);
  }

  /** Where an output of the file belongs. */
  #row(out: number): number {
    if (!this.shape.alternating) return out;
    return (out % 2) * (this.shape.outFeatures / 2) + Math.floor(out / 2);
  }

  /** Bytes of one expert of a tensor. */
  #part(name: string, expert: number): Uint8Array {
    const bytes = this.checkpoint.entry(name).byteLength / this.shape.numExperts;
    return this.checkpoint.read(name, { start: expert * bytes, end: (expert + 1) * bytes });
  }
}

function expectEntry(checkpoint: Checkpoint, name: string, expected: readonly number[]): void {
  const { shape } = checkpoint.entry(name);
  if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i])) {
    throw new ShapeError(
      `${name} is [${shape.join(", ")}], but config.json asks for [${expected.join(", ")}].`,
      "The config does not belong to these weights.",
    );
  }
}
