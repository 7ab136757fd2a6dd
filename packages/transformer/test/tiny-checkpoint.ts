import { writeTinyModel } from "@elastic-attention/fixtures";
import type { TensorSource } from "@elastic-attention/tensor";
import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter } from "../src/index.js";

/** Qwen3-like, so that norms of queries and keys are in; `query_key_norm: false` makes it Llama-like. */
export const tinyAdapter: ModelAdapter = {
  name: "tiny",
  architectures: ["TinyForCausalLM"],
  matches: (config) => config.architecture === "TinyForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, { queryKeyValueBias: config.boolean("bias", false), queryKeyNorm: config.boolean("query_key_norm", true) ? "head" : "none" }),
  weightName: huggingFaceWeightName,
};

export const tinyConfig = {
  architectures: ["TinyForCausalLM"],
  vocab_size: 50,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 200,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: "float32",
  toggle_type: "streaming",
  retrieval_mode: "full",
  sink_size: 4,
  local_window_size: 8,
  block_size: 4,
};

export interface TinyOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  /** Changes a tensor before it is written; undefined leaves it out. */
  readonly edit?: (name: string, values: Float32Array, shape: readonly number[]) => TensorSource | undefined;
  /** Tensors that join those of the file. */
  readonly tensors?: Readonly<Record<string, TensorSource>>;
}

/** A folder with random weights, removed on dispose. */
export function tinyCheckpoint({ config = {}, edit = floats, tensors = {} }: TinyOptions = {}) {
  const sizes = { vocabularySize: 50, hiddenSize: 24, intermediateSize: 40, numLayers: 2, numQueryHeads: 4, numKeyValueHeads: 2, headDim: 8 };
  const scales = { embedding: 0.4, norm: 0.4, matrix: () => 0.4 };
  return writeTinyModel({ seed: 1, sizes, scales, tied: false, config: { ...tinyConfig, ...config }, edit, tensors });
}

/** The tensor as it is. */
export function floats(_name: string, values: Float32Array, shape: readonly number[]): TensorSource {
  return { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) };
}
