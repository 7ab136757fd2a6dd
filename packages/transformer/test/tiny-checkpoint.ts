import { seededRandom, writeTinyModel } from "@elastic-attention/fixtures";
import type { TensorSource } from "@elastic-attention/tensor";
import { type FeedForwardSpec, huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig } from "../src/index.js";

/**
 * Qwen3-like, so that norms of queries and keys are in; `query_key_norm: false` makes it Llama-like, `num_local_experts` gives it
 * experts, and other keys of its own what other families have.
 */
export const tinyAdapter: ModelAdapter = {
  name: "tiny",
  architectures: ["TinyForCausalLM"],
  matches: (config) => config.architecture === "TinyForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      queryKeyValueBias: config.boolean("bias", false),
      queryKeyNorm: config.boolean("query_key_norm", true) ? config.choice("normed_vectors", ["head", "projection"], "head") : "none",
      rope: { pairs: config.choice("rope_pairs", ["halves", "neighbours"], "halves"), partialFactor: 1 },
      hasRope: (layer) => layer >= config.number("layers_without_rope", 0),
      ...(config.has("query_scaling_beta") ? { queryScaling: { beta: config.number("query_scaling_beta"), originalContextLength: 16 } } : {}),
      ...(config.has("num_local_experts") ? { feedForward: () => experts(config) } : {}),
    }),
  weightName: huggingFaceWeightName,
};

function experts(config: ModelConfig): FeedForwardSpec {
  return {
    kind: "experts",
    intermediateSize: config.count("intermediate_size"),
    activation: config.choice<"silu">("hidden_act", ["silu"], "silu"),
    gated: true,
    bias: false,
    numExperts: config.count("num_local_experts"),
    expertsPerToken: config.count("num_experts_per_tok"),
    normalizeChosen: config.boolean("norm_topk_prob", true),
    routerBias: false,
  };
}

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
  return writeTinyModel({ seed: 1, sizes, scales, tied: false, config: { ...tinyConfig, ...config }, edit, tensors: { ...expertTensors(config), ...tensors } });
}

/** The tensor as it is. */
export function floats(_name: string, values: Float32Array, shape: readonly number[]): TensorSource {
  return { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) };
}

/** The router and the experts of both layers, where a config has some; beside them the tensors of the dense layers stay unread. */
function expertTensors(config: Readonly<Record<string, unknown>>): Record<string, TensorSource> {
  const numExperts = (config["num_local_experts"] ?? 0) as number;
  const tensors: Record<string, TensorSource> = {};
  const draw = seededRandom(5);
  const add = (name: string, rows: number, columns: number) => {
    tensors[name] = floats(name, Float32Array.from({ length: rows * columns }, () => 0.8 * draw() - 0.4), [rows, columns]);
  };
  for (const prefix of numExperts === 0 ? [] : ["model.layers.0.mlp.", "model.layers.1.mlp."]) {
    add(`${prefix}gate.weight`, numExperts, 24);
    for (let expert = 0; expert < numExperts; expert++) {
      for (const name of ["gate_proj", "up_proj"]) add(`${prefix}experts.${expert}.${name}.weight`, 40, 24);
      add(`${prefix}experts.${expert}.down_proj.weight`, 24, 40);
    }
  }
  return tensors;
}
