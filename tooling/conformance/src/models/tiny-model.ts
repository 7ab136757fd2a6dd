import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backend, type FloatDType, SafetensorsCheckpoint, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { huggingFaceSpec, huggingFaceWeightName, type LoadOptions, type ModelAdapter, ModelConfig } from "@elastic-attention/transformer";
import { seededRandom } from "../random-tensors.js";

const adapter: ModelAdapter = {
  name: "tiny",
  architectures: ["TinyForCausalLM"],
  matches: () => true,
  spec: (config) =>
    huggingFaceSpec(config, { queryKeyValueBias: true, queryKeyNorm: "head" }),
  weightName: huggingFaceWeightName,
};

const config = {
  architectures: ["TinyForCausalLM"],
  vocab_size: 211,
  hidden_size: 96,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 64,
  max_position_embeddings: 1024,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: "float32",
};

/** A small Qwen-like model with random weights, the same on every backend, ready to be loaded; its folder is removed on dispose. */
export function tinyModel(): { options(backend: Backend, dtype: FloatDType): LoadOptions } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "tiny-model-"));
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  const weights = new Map<string, TensorSource>();
  const random = seededRandom(31);
  const add = (name: string, shape: readonly number[], deviation: number, center = 0) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => center + deviation * random());
    weights.set(name, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) });
  };
  const { vocab_size, hidden_size, intermediate_size, head_dim } = config;
  const [queries, keys] = [config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim];
  const matrix = (name: string, outputs: number, inputs: number) => add(name, [outputs, inputs], 1.7 / Math.sqrt(inputs));
  add("model.embed_tokens.weight", [vocab_size, hidden_size], 1);
  matrix("lm_head.weight", vocab_size, hidden_size);
  add("model.norm.weight", [hidden_size], 0.3, 1);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const prefix = `model.layers.${layer}.`;
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) add(`${prefix}${norm}.weight`, [hidden_size], 0.3, 1);
    for (const norm of ["q_norm", "k_norm"]) add(`${prefix}self_attn.${norm}.weight`, [head_dim], 0.3, 1);
    for (const [name, outputs] of [["q", queries], ["k", keys], ["v", keys]] as const) {
      matrix(`${prefix}self_attn.${name}_proj.weight`, outputs, hidden_size);
      add(`${prefix}self_attn.${name}_proj.bias`, [outputs], 0.3);
    }
    matrix(`${prefix}self_attn.o_proj.weight`, hidden_size, queries);
    for (const name of ["gate", "up"]) matrix(`${prefix}mlp.${name}_proj.weight`, intermediate_size, hidden_size);
    matrix(`${prefix}mlp.down_proj.weight`, hidden_size, intermediate_size);
  }
  writeSafetensors(join(path, "model.safetensors"), weights);
  const checkpoint = SafetensorsCheckpoint.open(path);
  const spec = adapter.spec(ModelConfig.read(path));
  return {
    options: (backend, dtype) => ({ backend, checkpoint, adapter, spec, dtype }),
    [Symbol.dispose]() {
      checkpoint[Symbol.dispose]();
      rmSync(path, { recursive: true, force: true });
    },
  };
}
