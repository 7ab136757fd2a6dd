import { closeSync, existsSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fromFloat16, toFloat16, weightQuantisers } from "@elastic-attention/tensor";
import { cacheFolder } from "../folders.js";
import { aligned, ggufByteLength, GgufHeader, type GgufTensorType, q4KBlockBytes } from "./gguf-header.js";
import { type ModelShape, modelWeights, type WeightMatrix } from "../random-models/model-shape.js";
import { fillRow, type NormalTable, normalTable } from "../random-models/random-weights.js";

/** Numbers of the format's `general.file_type`. */
const fileTypes = { f32: 0, f16: 1, q8_0: 7, q4_k: 14, bf16: 32 } as const;
/** Token ids below are the tokenizer's unknown, begin, end and single bytes. */
const firstPlainToken = 259;

/** The same weights as {@link randomCheckpoint} as a GGUF file for llama.cpp, made once and kept. @returns its path. */
export function randomGguf(shape: ModelShape, type: GgufTensorType, progress: (line: string) => void): string {
  const path = join(cacheFolder(), `${shape.name}-${type}.gguf`);
  if (existsSync(path)) return path;
  progress(`writing ${path}`);
  const partial = `${path}.${process.pid}.partial`;
  const file = openSync(partial, "w");
  try {
    const header = describe(shape, type);
    const { matrices, vectors } = modelWeights(shape);
    for (const { gguf, length } of vectors) header.tensor(gguf, "f32", length);
    for (const { gguf, rows, columns } of matrices) header.tensor(gguf, type, columns, rows);
    writeFully(file, header.bytes());
    for (const { length } of vectors) {
      const bytes = Buffer.alloc(aligned(4 * length));
      for (let i = 0; i < length; i++) bytes.writeFloatLE(1, 4 * i);
      writeFully(file, bytes);
    }
    const encode = rowEncoder(type);
    for (const matrix of matrices) writeFully(file, encodeMatrix(matrix, type, encode));
  } finally {
    closeSync(file);
  }
  renameSync(partial, path);
  return path;
}

type RowEncoder = (indices: Uint16Array, target: Buffer, offset: number) => void;

function encodeMatrix({ safetensors, rows, columns, rotatedHeads }: WeightMatrix, type: GgufTensorType, encode: RowEncoder): Buffer {
  const rowBytes = ggufByteLength(type, columns);
  const bytes = Buffer.alloc(aligned(rowBytes * rows));
  const indices = new Uint16Array(columns);
  const headRows = rotatedHeads > 0 ? rows / rotatedHeads : 0;
  for (let row = 0; row < rows; row++) {
    fillRow(safetensors, headRows > 0 ? halfSplitRow(row, headRows) : row, indices);
    encode(indices, bytes, row * rowBytes);
  }
  return bytes;
}

/** Row 2i of a head holds what the half-split layout has in row i, row 2i + 1 what it has in row i + half. */
function halfSplitRow(row: number, headRows: number): number {
  const within = row % headRows;
  return row - within + (within >> 1) + (within % 2) * (headRows / 2);
}

function rowEncoder(type: GgufTensorType): RowEncoder {
  const table = normalTable();
  if (type === "bf16") return encode16(table.patterns);
  if (type === "f16") return encode16(Uint16Array.from(table.values, toFloat16));
  if (type === "q8_0") return encodeQ8(table);
  if (type === "q4_k") return encodeQ4K(table);
  throw new RangeError(`Random GGUF files come as bf16, f16, q8_0 or q4_k, not ${type}.`);
}

function encode16(patterns: Uint16Array): RowEncoder {
  return (indices, target, offset) => {
    for (let i = 0; i < indices.length; i++) {
      const pattern = patterns[indices[i]!]!;
      target[offset + 2 * i] = pattern & 0xff;
      target[offset + 2 * i + 1] = pattern >>> 8;
    }
  };
}

/** Blocks of 32: the scale in half precision, then the values as signed bytes. */
function encodeQ8({ values }: NormalTable): RowEncoder {
  return (indices, target, offset) => {
    for (let start = 0, at = offset; start < indices.length; start += 32, at += 34) {
      let largest = 0;
      for (let i = start; i < start + 32; i++) largest = Math.max(largest, Math.abs(values[indices[i]!]!));
      const pattern = toFloat16(largest / 127);
      const inverse = 1 / fromFloat16(pattern);
      target[at] = pattern & 0xff;
      target[at + 1] = pattern >>> 8;
      for (let i = 0; i < 32; i++) {
        const quantized = Math.round(values[indices[start + i]!]! * inverse);
        target[at + 2 + i] = Math.max(-127, Math.min(127, quantized));
      }
    }
  };
}

/**
 * Blocks drawn from some that are quantised beforehand: quantising every one would take minutes, and what is measured does not
 * depend on the values.
 */
function encodeQ4K({ values }: NormalTable): RowEncoder {
  const count = 256;
  const drawn = Float32Array.from({ length: 256 * count }, (_, i) => values[(i * 40503) % values.length]!);
  const blocks = new Uint8Array(q4KBlockBytes * count);
  weightQuantisers.get("Q4_K")!(drawn, blocks);
  return (indices, target, offset) => {
    for (let start = 0, at = offset; start < indices.length; start += 256, at += q4KBlockBytes) {
      const block = indices[start]! % count;
      target.set(blocks.subarray(block * q4KBlockBytes, (block + 1) * q4KBlockBytes), at);
    }
  };
}

function describe(shape: ModelShape, type: GgufTensorType): GgufHeader {
  const { vocabularySize, headDim } = shape;
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const plain = Array.from({ length: vocabularySize - firstPlainToken }, (_, index) => `\u2581t${index}`);
  const special = ["<unk>", "<s>", "</s>"];
  return new GgufHeader()
    .set("general.architecture", "string", "llama")
    .set("general.name", "string", `random ${shape.name}`)
    .set("general.file_type", "u32", fileTypes[type])
    .set("llama.block_count", "u32", shape.numLayers)
    .set("llama.context_length", "u32", shape.contextLength)
    .set("llama.embedding_length", "u32", shape.hiddenSize)
    .set("llama.feed_forward_length", "u32", shape.intermediateSize)
    .set("llama.attention.head_count", "u32", shape.numQueryHeads)
    .set("llama.attention.head_count_kv", "u32", shape.numKeyValueHeads)
    .set("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5)
    .set("llama.attention.key_length", "u32", headDim)
    .set("llama.attention.value_length", "u32", headDim)
    .set("llama.rope.dimension_count", "u32", headDim)
    .set("llama.rope.freq_base", "f32", 10000)
    .set("llama.vocab_size", "u32", vocabularySize)
    .set("tokenizer.ggml.model", "string", "llama")
    .setArray("tokenizer.ggml.tokens", "string", [...special, ...bytes, ...plain])
    .setArray("tokenizer.ggml.scores", "f32", [...special, ...bytes].map(() => 0).concat(plain.map((_, index) => -index)))
    .setArray("tokenizer.ggml.token_type", "i32", [2, 3, 3, ...bytes.map(() => 6), ...plain.map(() => 1)])
    .set("tokenizer.ggml.bos_token_id", "u32", 1)
    .set("tokenizer.ggml.eos_token_id", "u32", 2)
    .set("tokenizer.ggml.unknown_token_id", "u32", 0)
    .set("tokenizer.ggml.add_bos_token", "bool", false);
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done, Math.min(1 << 30, bytes.byteLength - done));
}
