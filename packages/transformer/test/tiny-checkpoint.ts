import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { type FeedForwardSpec, huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig } from "../src/index.js";

/** Qwen3-like, so that norms of queries and keys are in; `query_key_norm: false` makes it Llama-like, `num_local_experts` gives it experts. */
export const tinyAdapter: ModelAdapter = {
  name: "tiny",
  architectures: ["TinyForCausalLM"],
  matches: (config) => config.architecture === "TinyForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      queryKeyValueBias: config.boolean("bias", false),
      queryKeyNorm: config.boolean("query_key_norm", true) ? "head" : "none",
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
  const path = mkdtempSync(join(tmpdir(), "tiny-checkpoint-"));
  writeFileSync(join(path, "config.json"), JSON.stringify({ ...tinyConfig, ...config }));
  const weights = new Map<string, TensorSource>();
  let state = 1;
  const random = () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
  const add = (name: string, shape: readonly number[], center = 0) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => center + 0.4 * random());
    const source = edit(name, values, shape);
    if (source !== undefined) weights.set(name, source);
  };
  add("model.embed_tokens.weight", [50, 24]);
  add("lm_head.weight", [50, 24]);
  add("model.norm.weight", [24], 1);
  for (const layer of [0, 1]) {
    const prefix = `model.layers.${layer}.`;
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) add(`${prefix}${norm}.weight`, [24], 1);
    for (const norm of ["q_norm", "k_norm"]) add(`${prefix}self_attn.${norm}.weight`, [8], 1);
    add(`${prefix}self_attn.q_proj.weight`, [32, 24]);
    for (const name of ["k_proj", "v_proj"]) add(`${prefix}self_attn.${name}.weight`, [16, 24]);
    add(`${prefix}self_attn.o_proj.weight`, [24, 32]);
    const numExperts = (config as { num_local_experts?: number }).num_local_experts;
    if (numExperts !== undefined) add(`${prefix}mlp.gate.weight`, [numExperts, 24]);
    const parts = numExperts === undefined ? [""] : Array.from({ length: numExperts }, (_, expert) => `experts.${expert}.`);
    for (const part of parts) {
      for (const name of ["gate_proj", "up_proj"]) add(`${prefix}mlp.${part}${name}.weight`, [40, 24]);
      add(`${prefix}mlp.${part}down_proj.weight`, [24, 40]);
    }
  }
  for (const [name, source] of Object.entries(tensors)) weights.set(name, source);
  writeSafetensors(join(path, "model.safetensors"), weights);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The tensor as it is. */
export function floats(_name: string, values: Float32Array, shape: readonly number[]): TensorSource {
  return { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) };
}
