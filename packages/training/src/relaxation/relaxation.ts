import type { FloatArray } from "@elastic-attention/tensor";
import type { GateDecision } from "@elastic-attention/transformer";
import { counterGumbel } from "./counter-noise.js";

/** "softmax" (default): two logits for each head, Gumbel-softmax; "sigmoid" (appendix F): one logit. */
export type RelaxationKind = "softmax" | "sigmoid";

/** Where in a run the noise is drawn: the same place gives the same noise. */
export interface NoisePlace {
  readonly seed: number;
  /** Optimizer step. */
  readonly step: number;
  /** Number of the pack in the step, over all ranks. */
  readonly pack: number;
  readonly layer: number;
}

export interface RelaxationOptions {
  readonly kind: RelaxationKind;
  readonly temperature: number;
  /** No noise: the decision of inference, with a gradient. */
  readonly noise?: boolean;
  readonly place: NoisePlace;
}

/** Router outputs of a head under a relaxation. */
export function relaxationClasses(kind: RelaxationKind): 1 | 2 {
  return kind === "softmax" ? 2 : 1;
}

/**
 * Gumbel relaxation with a straight-through gradient (reference semantics 1.5). The gate is exactly 0 or 1, a tie is
 * sparse; its gradient is that of the relaxed probability of the retrieval mode.
 *
 * - softmax: p = softmax((logits + g) / temperature), gate = argmax, class 1 is the retrieval mode;
 * - sigmoid: p = sigmoid((logit + g) / temperature), gate = p > 0.5. One Gumbel term, as published: it leans to retrieval.
 *
 * @param logits [segments * decisions * classes]
 */
export function relax(logits: FloatArray, { kind, temperature, noise = true, place }: RelaxationOptions): GateDecision {
  const classes = relaxationClasses(kind);
  const { seed, step, pack, layer } = place;
  const count = logits.length / classes;
  const gumbel = (index: number) => (noise ? counterGumbel(seed, step, pack, layer, index) : 0);
  const gates = floatsLike(logits, count);
  /** dp/d(logit of the retrieval class). */
  const slopes = new Float64Array(count);
  for (let head = 0; head < count; head++) {
    const at = head * classes;
    const retrieval = logits[at + classes - 1]! + gumbel(at + classes - 1);
    const sparse = classes === 2 ? logits[at]! + gumbel(at) : 0;
    const lead = (retrieval - sparse) / temperature;
    const probability = 1 / (1 + Math.exp(-lead));
    gates[head] = lead > 0 ? 1 : 0;
    slopes[head] = (probability * (1 - probability)) / temperature;
  }
  return {
    gates,
    backward(gateGradients) {
      const gradient = floatsLike(logits, logits.length);
      for (let head = 0; head < count; head++) {
        const slope = gateGradients[head]! * slopes[head]!;
        gradient[head * classes + classes - 1] = slope;
        if (classes === 2) gradient[head * classes] = -slope;
      }
      return gradient;
    },
  };
}

/** Zeros in the precision of another array. */
export function floatsLike(array: FloatArray, length: number): FloatArray {
  return array instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
}
