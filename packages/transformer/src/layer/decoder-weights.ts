import type { ExpertWeight, LinearWeight, Tensor } from "@elastic-attention/tensor";

/** A packed matrix and its bias, if the model has one. */
export interface Projection {
  readonly weight: LinearWeight;
  readonly bias?: Tensor;
}

/** Gain and bias of a norm, f32; the gain is what multiplies, also where a checkpoint keeps it less 1. */
export interface NormWeights {
  readonly gain: Tensor;
  readonly bias?: Tensor;
}

/** Weights of one decoder layer, fused as they are multiplied. Norms and biases are f32. */
export interface LayerWeights {
  /** Missing where a part has no norm on its input. */
  readonly attentionNorm?: NormWeights;
  /** Outputs: all query heads, then all key heads, then all value heads. */
  readonly queryKeyValue: Projection;
  /** [headDim], or [heads · headDim] where all heads are one vector. */
  readonly queryNorm?: Tensor;
  readonly keyNorm?: Tensor;
  /** [queryHeads]: logits that enter the softmax's sum alone. */
  readonly sinks?: Tensor;
  readonly attentionOutput: Projection;
  readonly attentionOutputNorm?: NormWeights;
  readonly mlpNorm?: NormWeights;
  readonly feedForward: FeedForwardWeights;
  readonly mlpOutputNorm?: NormWeights;
}

/** Weights of the part behind the attention; their kind is that of the layer's spec. */
export type FeedForwardWeights = DenseWeights | ExpertsWeights;

/** One MLP. */
export interface DenseWeights {
  readonly kind: "dense";
  /** Outputs: gate, then up; up alone without a gate. */
  readonly gateUp: Projection;
  readonly down: Projection;
}

/** The packed matrices of a layer's experts and their biases [experts, out], if the model has them. */
export interface ExpertProjection {
  readonly weight: ExpertWeight;
  readonly bias?: Tensor;
}

/** Several MLPs and what chooses among them. */
export interface ExpertsWeights {
  readonly kind: "experts";
  /** Scores the experts: [experts, hidden]. */
  readonly router: Projection;
  /** Outputs: gate, then up; up alone without a gate. */
  readonly gateUp: ExpertProjection;
  readonly down: ExpertProjection;
}

/** All weights of a decoder on a backend. */
export interface DecoderWeights {
  /** [vocabulary, hidden] in the compute dtype, or in the blocks of the file: then the head's own weight where the two are tied. */
  readonly embedding: Tensor | LinearWeight;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: NormWeights;
  readonly output: Projection;
}
