import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { routerFileFormat, routerFileName } from "@elastic-attention/transformer";
import { RandomStream } from "../../src/sampling/random-stream.js";
import "./qwen-models.js";

/** Folder of the demo model, whose tokenizer the tiny one shares. */
export const demoModel = fileURLToPath(new URL("../../../demo-model/model", import.meta.url));

const sizes = { vocabulary: 4096, hidden: 16, intermediate: 16, layers: 3, queryHeads: 4, keyValueHeads: 2, headDim: 8 };

export interface TinyModelOptions {
  /** Router tensors in every layer, in the checkpoint or in routers.safetensors beside it. */
  readonly router?: boolean | "beside";
  /** Elastic keys in config.json; default true. */
  readonly elastic?: boolean;
  /** Content of heads.json. */
  readonly heads?: unknown;
  readonly contextLength?: number;
}

/** A folder with a random Qwen3 of three small layers (blocks of 4 tokens) and a real tokenizer; removed on dispose. */
export function writeTinyModel({ router = false, elastic = true, heads, contextLength = 128 }: TinyModelOptions = {}) {
  const path = mkdtempSync(join(tmpdir(), "tiny-model-"));
  const elasticKeys = { toggle_type: "streaming", retrieval_mode: "full", sink_size: 4, local_window_size: 8, block_size: 4 };
  const config = {
    architectures: ["Qwen3ForCausalLM"],
    vocab_size: sizes.vocabulary,
    hidden_size: sizes.hidden,
    intermediate_size: sizes.intermediate,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.queryHeads,
    num_key_value_heads: sizes.keyValueHeads,
    head_dim: sizes.headDim,
    max_position_embeddings: contextLength,
    rope_theta: 10000,
    tie_word_embeddings: true,
    eos_token_id: 1,
    torch_dtype: "float32",
    ...(elastic ? elasticKeys : {}),
  };
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  if (heads !== undefined) writeFileSync(join(path, "heads.json"), JSON.stringify(heads));
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) copyFileSync(join(demoModel, file), join(path, file));
  const weights = [...tinyWeights(router !== false)];
  const isBeside = ([name]: [string, TensorSource]) => router === "beside" && name.includes("mask_allocator");
  writeSafetensors(join(path, "model.safetensors"), new Map(weights.filter((entry) => !isBeside(entry))));
  if (router === "beside") {
    const metadata = { format: routerFileFormat, elastic: JSON.stringify({ ...elasticKeys, local_window_size: 12 }) };
    writeSafetensors(join(path, routerFileName), new Map(weights.filter(isBeside)), metadata);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function tinyWeights(router: boolean): Map<string, TensorSource> {
  const random = new RandomStream(7);
  const weights = new Map<string, TensorSource>();
  const add = (name: string, shape: readonly number[], scale: number, center = 0) => {
    const values = Float32Array.from(
      { length: shape.reduce((product, size) => product * size, 1) },
      () => center + scale * (2 * random.next() - 1),
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
    if (router) addRouter(add, `${prefix}self_attn.mask_allocator.`, headDim);
  }
  return weights;
}

function addRouter(add: (name: string, shape: readonly number[], scale: number) => void, prefix: string, headDim: number): void {
  const width = 8;
  const layers: [string, number, number][] = [
    ["cls_feat_extractor.0", width, headDim],
    ["cls_feat_extractor.2", headDim, width],
    ["cls_router_head_agnostic.0", width, headDim],
    ["cls_router_head_agnostic.2", headDim, width],
    ["cls_router_head_agnostic.4", 2, headDim],
  ];
  for (const [name, outputs, inputs] of layers) {
    add(`${prefix}${name}.weight`, [outputs, inputs], 1);
    add(`${prefix}${name}.bias`, [outputs], 0.5);
  }
}
