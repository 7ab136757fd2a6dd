import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signedRandom } from "@elastic-attention/fixtures";
import { type GgufTensorSource, type GgufWriteValue, type TensorSource, writeGguf, writeSafetensors } from "@elastic-attention/tensor";
import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter } from "../../src/index.js";

/** Reads the classes that GGUF files are opened as. */
export const classAdapter: ModelAdapter = {
  name: "classes",
  architectures: ["LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"],
  matches: () => true,
  spec: (config) => {
    const bias = config.boolean("attention_bias", false);
    const traits = { queryKeyValueBias: bias || config.architecture.startsWith("Qwen2"), attentionOutputBias: bias, mlpBias: config.boolean("mlp_bias", false) };
    return huggingFaceSpec(config, { ...traits, queryKeyNorm: config.architecture.startsWith("Qwen3") ? "head" : "none" });
  },
  weightName: huggingFaceWeightName,
};

const [vocabulary, hidden, intermediate, layers, heads, keyValueHeads, headDim] = [50, 32, 64, 2, 4, 2, 16];

export interface TinyGgufOptions {
  readonly architecture?: "llama" | "qwen2" | "qwen3";
  readonly attentionBias?: boolean;
  readonly mlpBias?: boolean;
  readonly tied?: boolean;
  /** Keys that replace or join those of the file; undefined leaves one out. */
  readonly keys?: Readonly<Record<string, GgufWriteValue | undefined>>;
  /** Tensors that join those of the file, or replace one. */
  readonly tensors?: Readonly<Record<string, GgufTensorSource>>;
  /** Names of the file's tensors that are left out. */
  readonly without?: readonly string[];
  /** Joins the config.json of the same model beside it. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A tensor of float32. */
export function floatSource(shape: readonly number[], values: Float32Array): GgufTensorSource {
  return { type: "F32", shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** One random model twice, as a GGUF file and as a folder of transformers; removed on dispose. */
export function tinyGguf({ architecture = "llama", attentionBias = false, mlpBias = false, tied = false, keys = {}, tensors = {}, without = [], config = {} }: TinyGgufOptions = {}) {
  const path = mkdtempSync(join(tmpdir(), "tiny-gguf-"));
  const weights = new Map<string, TensorSource>();
  const blocks = new Map<string, GgufTensorSource>();
  const random = signedRandom(1);
  const add = (huggingFaceName: string, ggufName: string, shape: readonly number[], rotated = false, center = 0) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => center + 0.4 * random());
    weights.set(huggingFaceName, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) });
    blocks.set(ggufName, floatSource(shape, rotated ? neighbouringRows(values, shape) : values));
  };
  const norm = (huggingFaceName: string, ggufName: string, size: number) => add(`${huggingFaceName}.weight`, `${ggufName}.weight`, [size], false, 1);
  add("model.embed_tokens.weight", "token_embd.weight", [vocabulary, hidden]);
  if (!tied) add("lm_head.weight", "output.weight", [vocabulary, hidden]);
  norm("model.norm", "output_norm", hidden);
  for (let layer = 0; layer < layers; layer++) {
    const [prefix, block] = [`model.layers.${layer}.`, `blk.${layer}.`];
    norm(`${prefix}input_layernorm`, `${block}attn_norm`, hidden);
    norm(`${prefix}post_attention_layernorm`, `${block}ffn_norm`, hidden);
    if (architecture === "qwen3") for (const name of ["q", "k"]) norm(`${prefix}self_attn.${name}_norm`, `${block}attn_${name}_norm`, headDim);
    const projection = (huggingFaceName: string, ggufName: string, outputs: number, inputs: number, bias: boolean, rotated = false) => {
      add(`${prefix}${huggingFaceName}.weight`, `${block}${ggufName}.weight`, [outputs, inputs], rotated);
      if (bias) add(`${prefix}${huggingFaceName}.bias`, `${block}${ggufName}.bias`, [outputs], rotated);
    };
    const rotated = architecture === "llama";
    const bias = attentionBias || architecture === "qwen2";
    projection("self_attn.q_proj", "attn_q", heads * headDim, hidden, bias, rotated);
    projection("self_attn.k_proj", "attn_k", keyValueHeads * headDim, hidden, bias, rotated);
    projection("self_attn.v_proj", "attn_v", keyValueHeads * headDim, hidden, bias);
    projection("self_attn.o_proj", "attn_output", hidden, heads * headDim, attentionBias);
    for (const name of ["gate", "up"]) projection(`mlp.${name}_proj`, `ffn_${name}`, intermediate, hidden, mlpBias);
    projection("mlp.down_proj", "ffn_down", hidden, intermediate, mlpBias);
  }
  const all: Record<string, GgufWriteValue | undefined> = {
    "general.architecture": architecture,
    [`${architecture}.context_length`]: 200,
    [`${architecture}.embedding_length`]: hidden,
    [`${architecture}.block_count`]: layers,
    [`${architecture}.feed_forward_length`]: intermediate,
    [`${architecture}.attention.head_count`]: heads,
    [`${architecture}.attention.head_count_kv`]: keyValueHeads,
    [`${architecture}.attention.key_length`]: headDim,
    [`${architecture}.attention.value_length`]: headDim,
    [`${architecture}.attention.layer_norm_rms_epsilon`]: 1e-5,
    [`${architecture}.rope.freq_base`]: 5000,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    ...keys,
  };
  for (const [name, source] of Object.entries(tensors)) blocks.set(name, source);
  for (const name of without) blocks.delete(name);
  writeGguf(join(path, "model.gguf"), new Map(Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))), blocks);
  writeSafetensors(join(path, "model.safetensors"), weights);
  const huggingFace = {
    architectures: [{ llama: "LlamaForCausalLM", qwen2: "Qwen2ForCausalLM", qwen3: "Qwen3ForCausalLM" }[architecture]],
    vocab_size: vocabulary, hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: layers,
    num_attention_heads: heads, num_key_value_heads: keyValueHeads, head_dim: headDim, max_position_embeddings: 200,
    rms_norm_eps: 1e-5, hidden_act: "silu", tie_word_embeddings: tied, attention_bias: attentionBias, mlp_bias: mlpBias,
    rope_parameters: { rope_type: "default", rope_theta: 5000 }, bos_token_id: 1, eos_token_id: [2], dtype: "float32",
    ...config,
  };
  writeFileSync(join(path, "config.json"), JSON.stringify(huggingFace));
  return { folder: path, file: join(path, "model.gguf"), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Rows of a head from halves to neighbours: row j * headDim / 2 + i to 2i + j. */
function neighbouringRows(values: Float32Array, shape: readonly number[]): Float32Array {
  const row = shape.length === 1 ? 1 : shape[1]!;
  const moved = new Float32Array(values.length);
  for (let from = 0; from < shape[0]!; from++) {
    const [head, within] = [Math.floor(from / headDim), from % headDim];
    const to = head * headDim + 2 * (within % (headDim / 2)) + Math.floor(within / (headDim / 2));
    moved.set(values.subarray(from * row, (from + 1) * row), to * row);
  }
  return moved;
}
