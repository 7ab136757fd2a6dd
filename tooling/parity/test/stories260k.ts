import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TensorSource, writeSafetensors } from "@elastic-attention/tensor";

/** A real Llama of 260 000 parameters, converted from its own binary layout into a checkpoint folder. */
export function convertStories(directory: string) {
  const bytes = readFileSync(join(directory, "checkpoint_legacy.bin"));
  const header = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 28));
  const [dim, hidden, layers, heads, kvHeads, vocabulary, context] = Array.from(header) as [number, number, number, number, number, number, number];
  const headDim = dim / heads;
  const path = mkdtempSync(join(tmpdir(), "stories260k-"));
  const config = {
    architectures: ["LlamaForCausalLM"],
    hidden_size: dim,
    intermediate_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    vocab_size: vocabulary,
    max_position_embeddings: context,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    torch_dtype: "float32",
  };
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  const weights = new Map<string, TensorSource>();
  let offset = bytes.byteOffset + 28;
  const take = (count: number) => {
    const values = new Float32Array(bytes.buffer.slice(offset, offset + 4 * count));
    offset += 4 * count;
    return values;
  };
  const add = (name: string, shape: readonly number[], values: Float32Array) =>
    weights.set(name, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength) });
  const perLayer = (name: string, shape: readonly number[], change = (values: Float32Array) => values) => {
    const count = shape.reduce((a, b) => a * b, 1);
    for (let layer = 0; layer < layers; layer++) add(`model.layers.${layer}.${name}.weight`, shape, change(take(count).slice()));
  };
  add("model.embed_tokens.weight", [vocabulary, dim], take(vocabulary * dim));
  perLayer("input_layernorm", [dim]);
  // That layout rotates neighbouring pairs, checkpoints rotate halves: rows of queries and keys change places.
  perLayer("self_attn.q_proj", [dim, dim], (values) => halves(values, heads, headDim, dim));
  perLayer("self_attn.k_proj", [kvHeads * headDim, dim], (values) => halves(values, kvHeads, headDim, dim));
  perLayer("self_attn.v_proj", [kvHeads * headDim, dim]);
  perLayer("self_attn.o_proj", [dim, dim]);
  perLayer("post_attention_layernorm", [dim]);
  perLayer("mlp.gate_proj", [hidden, dim]);
  perLayer("mlp.down_proj", [dim, hidden]);
  perLayer("mlp.up_proj", [hidden, dim]);
  add("model.norm.weight", [dim], take(dim));
  writeSafetensors(join(path, "model.safetensors"), weights);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function halves(values: Float32Array, heads: number, headDim: number, dim: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < heads * headDim; row++) {
    const [head, element] = [Math.floor(row / headDim), row % headDim];
    const target = head * headDim + (element % 2) * (headDim / 2) + Math.floor(element / 2);
    result.set(values.subarray(row * dim, (row + 1) * dim), target * dim);
  }
  return result;
}

/** The texts of the model's 512 tokens. */
export function storiesPieces(directory: string): string[] {
  const bytes = readFileSync(join(directory, "tokenizer.bin"));
  const pieces: string[] = [];
  for (let at = 4; at < bytes.length; ) {
    const length = bytes.readInt32LE(at + 4);
    pieces.push(bytes.toString("utf8", at + 8, at + 8 + length));
    at += 8 + length;
  }
  return pieces.map((piece) => {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1];
    return byte === undefined ? piece : String.fromCharCode(Number.parseInt(byte, 16));
  });
}
