import type { MemoryScope } from "@elastic-attention/core";
import { type Backend, fillNormal, type FloatDType, packLinear, type Tensor } from "@elastic-attention/tensor";
import type { DecoderWeights, Projection } from "../layer/decoder-weights.js";
import type { ModelSpec } from "../model/model-spec.js";

/** Standard deviation of the matrices, that of a freshly initialised Llama. */
const deviation = 0.02;

/** Weights of a model of that shape, drawn where they are needed, owned by `scope`. @throws OutOfMemoryError */
export function makeRandomWeights(backend: Backend, spec: ModelSpec, dtype: FloatDType, seed: number, scope: MemoryScope): DecoderWeights {
  const { hiddenSize, intermediateSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const queries = numQueryHeads * headDim;
  let drawn = seed;
  const normal = (rows: number, columns: number): Tensor => {
    const output = backend.allocate([rows, columns], dtype);
    try {
      backend.kernels.run(fillNormal, { output, seed: drawn++, deviation });
      return output;
    } catch (error) {
      output.dispose();
      throw error;
    }
  };
  const vector = (length: number, value: number) => scope.track(backend.upload(new Float32Array(length).fill(value), [length], "f32"));
  const projection = (outputs: number, inputs: number, withBias: boolean): Projection => {
    using matrix = normal(outputs, inputs);
    const weight = scope.track(backend.kernels.run(packLinear, { weights: [matrix], dtype }));
    return withBias ? { weight, bias: vector(outputs, 0) } : { weight };
  };
  const layer = () => ({
    attentionNorm: vector(hiddenSize, 1),
    mlpNorm: vector(hiddenSize, 1),
    ...(spec.queryKeyNorm ? { queryNorm: vector(headDim, 1), keyNorm: vector(headDim, 1) } : {}),
    queryKeyValue: projection(queries + 2 * numKeyValueHeads * headDim, hiddenSize, spec.queryKeyValueBias),
    attentionOutput: projection(hiddenSize, queries, spec.attentionOutputBias),
    gateUp: projection(2 * intermediateSize, hiddenSize, spec.mlpBias),
    down: projection(hiddenSize, intermediateSize, spec.mlpBias),
  });
  return {
    embedding: scope.track(normal(vocabularySize, hiddenSize)),
    layers: Array.from({ length: spec.numLayers }, layer),
    finalNorm: vector(hiddenSize, 1),
    output: projection(vocabularySize, hiddenSize, false),
  };
}
