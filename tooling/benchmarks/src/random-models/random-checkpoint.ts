import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBFloat16, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { cacheFolder } from "../folders.js";
import { type ModelShape, modelWeights } from "./model-shape.js";
import { fillRow, normalTable } from "./random-weights.js";

/** A Llama checkpoint in bf16 with random weights, made once and kept. @returns its folder. */
export function randomCheckpoint(shape: ModelShape, progress: (line: string) => void): string {
  const folder = join(cacheFolder(), `${shape.name}-bf16`);
  const config = join(folder, "config.json");
  // Written last: where it is, the checkpoint is whole.
  if (existsSync(config)) return folder;
  progress(`writing a random ${shape.name} checkpoint to ${folder}`);
  mkdirSync(folder, { recursive: true });
  const { patterns } = normalTable();
  const tensors = new Map<string, TensorSource>();
  const { matrices, vectors } = modelWeights(shape);
  for (const { safetensors: name, rows, columns } of matrices) {
    tensors.set(name, { type: "BF16", shape: [rows, columns], bytes: () => matrixBytes(name, rows, columns, patterns) });
  }
  for (const { safetensors: name, length } of vectors) {
    tensors.set(name, { type: "BF16", shape: [length], bytes: () => bytesOf(new Uint16Array(length).fill(toBFloat16(1))) });
  }
  writeSafetensors(join(folder, "model.safetensors"), tensors);
  writeFileSync(`${config}.partial`, JSON.stringify(configOf(shape), null, 2));
  renameSync(`${config}.partial`, config);
  return folder;
}

function matrixBytes(name: string, rows: number, columns: number, patterns: Uint16Array): Uint8Array {
  const matrix = new Uint16Array(rows * columns);
  const indices = new Uint16Array(columns);
  for (let row = 0; row < rows; row++) {
    fillRow(name, row, indices);
    const start = row * columns;
    for (let column = 0; column < columns; column++) matrix[start + column] = patterns[indices[column]!]!;
  }
  return bytesOf(matrix);
}

function bytesOf(values: Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function configOf(shape: ModelShape): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    torch_dtype: "bfloat16",
    hidden_act: "silu",
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.numLayers,
    num_attention_heads: shape.numQueryHeads,
    num_key_value_heads: shape.numKeyValueHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabularySize,
    max_position_embeddings: shape.contextLength,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
  };
}
