import { type RouterWeights, routerWeightsOf } from "@elastic-attention/router";
import { type Backend, type FloatArray, uploadFloats } from "@elastic-attention/tensor";
import type { GateDecision, GateLoss, TrainingPack, TrainingStepOptions } from "../../src/index.js";

/** Routers with random weights, wide enough to have every gradient and small enough to check each. */
export function randomRouters(backend: Backend, layers: number, headDim: number, width = 4, scale = 1, decides: RouterWeights["decides"] = "heads"): RouterWeights[] {
  let state = 7;
  const random = () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
  const tensor = (shape: readonly number[]) => {
    const created = backend.allocate(shape, "f32");
    uploadFloats(created, Float64Array.from({ length: created.numElements }, () => Math.fround(scale * random())));
    return created;
  };
  const linear = (outFeatures: number, inFeatures: number) => [tensor([outFeatures, inFeatures]), tensor([outFeatures])];
  const features = decides === "layer" ? 2 * headDim : headDim;
  return Array.from({ length: layers }, () =>
    routerWeightsOf([
      ...linear(width, headDim),
      ...linear(features, width),
      ...linear(width, features),
      ...linear(headDim, width),
      ...linear(2, headDim),
    ]),
  );
}

/** Segments of these lengths with pseudo-random tokens, the pooled rows those between a prefix and a suffix of each. */
export function trainingPack(lengths: readonly number[], vocabulary = 50): TrainingPack {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  const rows = offsets.at(-1)!;
  const tokens = Int32Array.from({ length: rows }, (_, i) => (i * 7 + i * i * 3) % vocabulary);
  const targets = Int32Array.from({ length: rows }, (_, i) => (offsets.includes(i + 1) || i % 5 === 2 ? -1 : tokens[i + 1]!));
  const pooledRanges = lengths.map((length, segment) => {
    const start = offsets[segment]!;
    return length < 4 ? [[start, start + length] as const] : [[start + 1, start + 3] as const, [start + length - 2, start + length] as const];
  });
  return { tokens, offsets, targets, pooledRanges };
}

/**
 * Gates by a softmax over noisy logits with a temperature, as the paper's relaxation does, the noise fixed. "straight"
 * gates are 0 or 1 with the gradient of the probability; once the probabilities were seen, they follow what the logits
 * change, hard + p − p_first, so that finite differences see the straight-through gradient. "soft" gates are p.
 */
export class RelaxationDouble {
  readonly #first: FloatArray[] = [];
  readonly decided: number[] = [];

  constructor(
    private readonly kind: "straight" | "soft",
    /** Segments that gates belong to: a segment has the same noise in every pack. */
    private readonly segments: readonly number[] = [0, 1, 2, 3, 4],
  ) {}

  decide = (layer: number, logits: FloatArray): GateDecision => {
    this.decided.push(layer);
    const temperature = 1.3;
    const heads = 2;
    const probability = Float64Array.from({ length: logits.length / 2 }, (_, gate) => {
      const place = layer * 100 + this.segments[Math.floor(gate / heads)]! * 10 + (gate % heads);
      const lead = (logits[2 * gate + 1]! - logits[2 * gate]! + 1.5 * Math.sin(place * 12.9898)) / temperature;
      return 1 / (1 + Math.exp(-lead));
    });
    const first = (this.#first[layer] ??= probability);
    const gates = this.kind === "soft" ? probability : probability.map((p, i) => (first[i]! > 0.5 ? 1 : 0) + p - first[i]!);
    return {
      gates,
      backward(gradients) {
        const result = new Float64Array(logits.length);
        for (let gate = 0; gate < probability.length; gate++) {
          const p = probability[gate]!;
          const slope = (gradients[gate]! * p * (1 - p)) / temperature;
          result[2 * gate] = -slope;
          result[2 * gate + 1] = slope;
        }
        return result;
      },
    };
  };
}

/** A penalty on the share of dense heads: linear and quadratic in the gates. */
export function gateLoss(gates: readonly FloatArray[]): GateLoss {
  let sum = 0;
  let count = 0;
  for (const layer of gates) {
    for (const gate of layer) sum += gate;
    count += layer.length;
  }
  const distance = sum / count - 0.3;
  const slope = (0.2 + 2 * 0.5 * distance) / count;
  return { loss: 0.2 * distance + 0.5 * distance ** 2, gradients: gates.map((layer) => new Float64Array(layer.length).fill(slope)) };
}

export type TrainingDoubles = Pick<TrainingStepOptions, "decide" | "gateLoss">;
