import { writeTinyModel } from "@elastic-attention/fixtures";
import { type Backend, type FloatDType, SafetensorsCheckpoint } from "@elastic-attention/tensor";
import { huggingFaceSpec, huggingFaceWeightName, type LoadOptions, type ModelAdapter, ModelConfig } from "@elastic-attention/transformer";

const adapter: ModelAdapter = {
  name: "tiny",
  architectures: ["TinyForCausalLM"],
  matches: () => true,
  spec: (config) =>
    huggingFaceSpec(config, { queryKeyValueBias: true, queryKeyNorm: "head" }),
  weightName: huggingFaceWeightName,
};

const sizes = { vocabularySize: 211, hiddenSize: 96, intermediateSize: 160, numLayers: 2, numQueryHeads: 4, numKeyValueHeads: 2, headDim: 64 };
const scales = { embedding: 1, norm: 0.3, bias: 0.3, matrix: (inputs: number) => 1.7 / Math.sqrt(inputs) };

/** A small Qwen-like model with random weights, the same on every backend, ready to be loaded; its folder is removed on dispose. */
export function tinyModel(contextLength = 1024): { options(backend: Backend, dtype: FloatDType): LoadOptions } & Disposable {
  const config = { architectures: ["TinyForCausalLM"], max_position_embeddings: contextLength };
  const folder = writeTinyModel({ seed: 31, sizes, scales, config, biases: true, tied: false });
  const checkpoint = SafetensorsCheckpoint.open(folder.path);
  const spec = adapter.spec(ModelConfig.read(folder.path));
  return {
    options: (backend, dtype) => ({ backend, checkpoint, adapter, spec, dtype }),
    [Symbol.dispose]() {
      checkpoint[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}
