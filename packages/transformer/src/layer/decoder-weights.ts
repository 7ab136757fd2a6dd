import type { LinearWeight, Tensor } from "@elastic-attention/tensor";

/** A packed matrix and its bias, if the model has one. */
export interface Projection {
  readonly weight: LinearWeight;
  readonly bias?: Tensor;
}

/** Weights of one decoder layer, fused as they are multiplied. Norms and biases are f32. */
export interface LayerWeights {
  readonly attentionNorm: Tensor;
  /** Outputs: all query heads, then all key heads, then all value heads. */
  readonly queryKeyValue: Projection;
  readonly queryNorm?: Tensor;
  readonly keyNorm?: Tensor;
  readonly attentionOutput: Projection;
  readonly mlpNorm: Tensor;
  /** Outputs: gate, then up. */
  readonly gateUp: Projection;
  readonly down: Projection;
}

/** All weights of a decoder on a backend. */
export interface DecoderWeights {
  /** [vocabulary, hidden] in the compute dtype. */
  readonly embedding: Tensor;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Tensor;
  readonly output: Projection;
}
