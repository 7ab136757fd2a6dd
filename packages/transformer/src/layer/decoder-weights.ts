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

/** Bytes that weights take on their backend. */
export function weightBytes({ embedding, layers, finalNorm, output }: DecoderWeights): number {
  const projection = ({ weight, bias }: Projection) => weight.byteLength + (bias?.storage.byteLength ?? 0);
  const tensors = (...all: readonly (Tensor | undefined)[]) => all.reduce((sum, tensor) => sum + (tensor?.storage.byteLength ?? 0), 0);
  return layers.reduce(
    (sum, { attentionNorm, mlpNorm, queryNorm, keyNorm, queryKeyValue, attentionOutput, gateUp, down }) =>
      sum +
      tensors(attentionNorm, mlpNorm, queryNorm, keyNorm) +
      [queryKeyValue, attentionOutput, gateUp, down].reduce((bytes, each) => bytes + projection(each), 0),
    tensors(embedding, finalNorm) + projection(output),
  );
}
