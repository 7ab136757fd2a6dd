import { dtypeByteSize, type FloatDType, LinearWeight, type Tensor } from "@elastic-attention/tensor";
import type { DecoderWeights, ExpertProjection, FeedForwardWeights, LayerWeights, NormWeights, Projection } from "../layer/decoder-weights.js";
import { outputRows } from "../parallel/model-shard.js";
import { layerParameters, type ModelSpec, normVectors } from "../model/model-spec.js";

/** Bytes of a model's weights as they are loaded: matrices in `dtype`, norms and biases in f32. */
export function predictWeightBytes(spec: ModelSpec, dtype: FloatDType): number {
  // Embedding and output are two tables also where a checkpoint ties them: one is looked up in, one is packed.
  let matrices = (spec.vocabularySize + outputRows(spec)) * spec.hiddenSize;
  let vectors = normVectors(spec.norm) * spec.hiddenSize;
  for (const layer of spec.layers.keys()) {
    const parameters = layerParameters(spec, layer);
    matrices += parameters.matrices;
    vectors += parameters.vectors;
  }
  return dtypeByteSize(dtype) * matrices + 4 * vectors;
}

/** Bytes that weights take on their backend. */
export function weightBytes({ embedding, layers, finalNorm, output }: DecoderWeights): number {
  const tensors = (...all: readonly (Tensor | undefined)[]) => all.reduce((sum, tensor) => sum + (tensor?.storage.byteLength ?? 0), 0);
  const projections = (...all: readonly (Projection | ExpertProjection)[]) => all.reduce((sum, { weight, bias }) => sum + weight.byteLength + tensors(bias), 0);
  const norms = (...all: readonly (NormWeights | undefined)[]) => all.reduce((sum, norm) => sum + tensors(norm?.gain, norm?.bias), 0);
  const layerBytes = ({ queryNorm, keyNorm, sinks, queryKeyValue, attentionOutput, feedForward, ...layer }: LayerWeights) =>
    norms(layer.attentionNorm, layer.attentionOutputNorm, layer.mlpNorm, layer.mlpOutputNorm) +
    tensors(queryNorm, keyNorm, sinks) +
    projections(queryKeyValue, attentionOutput, ...feedForwardProjections(feedForward));
  const table = embedding instanceof LinearWeight ? (embedding === output.weight ? 0 : embedding.byteLength) : tensors(embedding);
  return layers.reduce((sum, layer) => sum + layerBytes(layer), table + norms(finalNorm) + projections(output));
}

function feedForwardProjections(weights: FeedForwardWeights): readonly (Projection | ExpertProjection)[] {
  return [weights.gateUp, weights.down, ...(weights.kind === "experts" ? [weights.router] : [])];
}
