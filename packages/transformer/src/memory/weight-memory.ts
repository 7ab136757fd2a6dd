import { dtypeByteSize, type FloatDType, type Tensor } from "@elastic-attention/tensor";
import type { DecoderWeights, Projection } from "../layer/decoder-weights.js";
import type { ModelSpec } from "../model/model-spec.js";

/** Bytes of a model's weights as they are loaded: matrices in `dtype`, norms and biases in f32. */
export function predictWeightBytes(spec: ModelSpec, dtype: FloatDType): number {
  const { hiddenSize, intermediateSize, numQueryHeads, numKeyValueHeads, headDim } = spec;
  const queryKeyValue = (numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const matrices = hiddenSize * (queryKeyValue + numQueryHeads * headDim + 3 * intermediateSize);
  const biases =
    (spec.queryKeyValueBias ? queryKeyValue : 0) + (spec.attentionOutputBias ? hiddenSize : 0) + (spec.mlpBias ? 2 * intermediateSize + hiddenSize : 0);
  const vectors = 2 * hiddenSize + (spec.queryKeyNorm ? 2 * headDim : 0) + biases;
  // Embedding and output are two tables also where a checkpoint ties them: one is looked up in, one is packed.
  const tables = 2 * spec.vocabularySize * hiddenSize;
  return dtypeByteSize(dtype) * (spec.numLayers * matrices + tables) + 4 * (spec.numLayers * vectors + hiddenSize);
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
