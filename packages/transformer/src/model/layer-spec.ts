import type { GateActivation } from "@elastic-attention/tensor";
import type { RopeSpec } from "./rope/rope-spec.js";

/** What differs from layer to layer. */
export interface LayerSpec {
  /** How queries and keys are rotated; undefined in a layer without positions. */
  readonly rope: RopeSpec | undefined;
  /**
   * Keys that a query sees, its own included; undefined: all up to its own. Such a layer attends as the model says, and no
   * router is asked about it.
   */
  readonly window: number | undefined;
  readonly feedForward: FeedForwardSpec;
}

/** The part of a layer behind the attention. */
export type FeedForwardSpec = DenseFeedForward | ExpertsFeedForward;

interface FeedForwardShape {
  /** Features between the projections; of one expert where there are several. */
  readonly intermediateSize: number;
  readonly activation: GateActivation;
  /** down(activation(gate) · up), or down(activation(up)) without a gate. */
  readonly gated: boolean;
  /** Whether its projections have biases. */
  readonly bias: boolean;
}

/** One MLP for every token. */
export interface DenseFeedForward extends FeedForwardShape {
  readonly kind: "dense";
}

/** Several MLPs, of which a router of the model's own chooses a few for each token. */
export interface ExpertsFeedForward extends FeedForwardShape {
  readonly kind: "experts";
  readonly numExperts: number;
  readonly expertsPerToken: number;
  /** Whether the chosen experts' weights add up to 1: a softmax over them alone, else over all experts. */
  readonly normalizeChosen: boolean;
  /** Whether the projection that scores the experts has a bias. */
  readonly routerBias: boolean;
}

/** How rows, or the vectors of heads, are normalised. */
export interface NormSpec {
  /** Divided by their root mean square, or made of mean 0 and variance 1. */
  readonly kind: "rms" | "layer";
  readonly epsilon: number;
  /** Whether a stored weight w stands for a gain of 1 + w. */
  readonly gainFromOne: boolean;
  readonly bias: boolean;
}

/** Where a part (attention, feed-forward) has its norms: on its input, on its output, or on both. */
export type NormPlaces = "before" | "after" | "both";

/** Norms of queries and keys before RoPE: none, of each head's vector, or of all heads' as one vector. */
export type QueryKeyNorm = "none" | "head" | "projection";

/** Features that the first projection of an MLP gives: gate and up, or up alone. */
export function innerFeatures({ intermediateSize, gated }: Pick<FeedForwardSpec, "intermediateSize" | "gated">): number {
  return (gated ? 2 : 1) * intermediateSize;
}

/** Features of the widest projection into an MLP that all tokens pass through; 0 where all layers have experts. */
export function widestFeedForward(layers: readonly LayerSpec[]): number {
  return Math.max(0, ...layers.map(({ feedForward }) => (feedForward.kind === "dense" ? innerFeatures(feedForward) : 0)));
}

/** Number of parameters of a feed-forward part over rows of `hiddenSize`. */
export function feedForwardParameters(spec: FeedForwardSpec, hiddenSize: number): { readonly matrices: number; readonly vectors: number } {
  const { intermediateSize } = spec;
  const inner = (spec.gated ? 2 : 1) * intermediateSize;
  const matrices = hiddenSize * (inner + intermediateSize);
  const vectors = spec.bias ? inner + hiddenSize : 0;
  if (spec.kind === "dense") return { matrices, vectors };
  const { numExperts, routerBias } = spec;
  return { matrices: numExperts * (matrices + hiddenSize), vectors: numExperts * (vectors + (routerBias ? 1 : 0)) };
}
