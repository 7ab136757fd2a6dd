import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { counterUniform } from "../src/index.js";

const demoModel = fileURLToPath(new URL("../../demo-model/model", import.meta.url));
const sizes = { vocabulary: 4096, hidden: 16, intermediate: 16, layers: 2, queryHeads: 4, keyValueHeads: 2, headDim: 8 };

/** A folder with a random Qwen3 of two small layers (blocks of 4 tokens) and the demo model's tokenizer; removed on dispose. */
export function writeTinyModel(seed = 1) {
  const path = mkdtempSync(join(tmpdir(), "tiny-training-model-"));
  const config = {
    architectures: ["Qwen3ForCausalLM"],
    vocab_size: sizes.vocabulary,
    hidden_size: sizes.hidden,
    intermediate_size: sizes.intermediate,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.queryHeads,
    num_key_value_heads: sizes.keyValueHeads,
    head_dim: sizes.headDim,
    max_position_embeddings: 256,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    eos_token_id: 1,
    torch_dtype: "float32",
    toggle_type: "streaming",
    retrieval_mode: "full",
    sink_size: 4,
    local_window_size: 8,
    block_size: 4,
  };
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) copyFileSync(join(demoModel, file), join(path, file));
  writeSafetensors(join(path, "model.safetensors"), tinyWeights(seed));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes rows.jsonl into a folder: a question about each context, tasks in turns. */
export function writeTinyRows(folder: string, contexts: readonly string[]): void {
  const rows = contexts.map((context, i) => ({
    context,
    question: "Which is it?",
    answer: `word${i}`,
    metadata: { task: ["Single QA", "Code"][i % 2], is_prefix: false },
  }));
  writeFileSync(join(folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
}

function tinyWeights(seed: number): Map<string, TensorSource> {
  const weights = new Map<string, TensorSource>();
  const add = (name: string, shape: readonly number[], scale: number, center = 0) => {
    const values = Float32Array.from(
      { length: shape.reduce((product, size) => product * size, 1) },
      (_, i) => center + scale * (2 * counterUniform(seed, weights.size, i) - 1),
    );
    weights.set(name, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) });
  };
  const { vocabulary, hidden, intermediate, layers, queryHeads, keyValueHeads, headDim } = sizes;
  add("model.embed_tokens.weight", [vocabulary, hidden], 1);
  add("model.norm.weight", [hidden], 0.1, 1);
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}.`;
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) add(`${prefix}${norm}.weight`, [hidden], 0.1, 1);
    for (const norm of ["q_norm", "k_norm"]) add(`${prefix}self_attn.${norm}.weight`, [headDim], 0.1, 1);
    add(`${prefix}self_attn.q_proj.weight`, [queryHeads * headDim, hidden], 0.5);
    for (const name of ["k_proj", "v_proj"]) add(`${prefix}self_attn.${name}.weight`, [keyValueHeads * headDim, hidden], 0.5);
    add(`${prefix}self_attn.o_proj.weight`, [hidden, queryHeads * headDim], 0.5);
    for (const name of ["gate_proj", "up_proj"]) add(`${prefix}mlp.${name}.weight`, [intermediate, hidden], 0.5);
    add(`${prefix}mlp.down_proj.weight`, [hidden, intermediate], 0.5);
  }
  return weights;
}
