import type { GgufCheckpoint, GgufMetadata } from "@elastic-attention/tensor";
import type { GgufArchitecture } from "./gguf-architectures.js";
import { shortestFloat } from "./gguf-numbers.js";
import { ropeParameters } from "./gguf-rope.js";
import type { TensorPlan } from "./gguf-tensor-names.js";

/** Sizes that the tensors of a file are checked and ordered by. */
export interface GgufSizes {
  readonly numLayers: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
}

/** @throws GgufMetadataError */
export function readSizes(metadata: GgufMetadata, architecture: string): GgufSizes {
  const name = (key: string) => `${architecture}.${key}`;
  const hiddenSize = positive(metadata, name("embedding_length"));
  const numQueryHeads = sameInEveryLayer(metadata, name("attention.head_count"));
  const numKeyValueHeads = metadata.has(name("attention.head_count_kv")) ? sameInEveryLayer(metadata, name("attention.head_count_kv")) : numQueryHeads;
  const headDim = metadata.has(name("attention.key_length")) ? positive(metadata, name("attention.key_length")) : hiddenSize / numQueryHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw metadata.error(name("attention.head_count"), `must give heads of an even size, of ${hiddenSize} in all`);
  const valueDim = metadata.has(name("attention.value_length")) ? positive(metadata, name("attention.value_length")) : headDim;
  if (valueDim !== headDim) throw metadata.error(name("attention.value_length"), `must be the ${headDim} of the keys`);
  return { numLayers: positive(metadata, name("block_count")), numQueryHeads, numKeyValueHeads, headDim };
}

/**
 * What config.json would say of a GGUF model, in the form of transformers 5, so that the model adapters read both alike.
 * @throws GgufMetadataError
 */
export function huggingFaceConfig(checkpoint: GgufCheckpoint, architecture: GgufArchitecture, sizes: GgufSizes, plan: TensorPlan): Record<string, unknown> {
  const { metadata } = checkpoint;
  const name = (key: string) => `${architecture.name}.${key}`;
  const vocabularySize = checkpoint.entry("token_embd.weight").shape[0]!;
  if (metadata.count(name("vocab_size"), vocabularySize) !== vocabularySize) {
    throw metadata.error(name("vocab_size"), `must be the ${vocabularySize} of token_embd.weight`);
  }
  const tokens = metadata.arrayLength("tokenizer.ggml.tokens") ?? 0;
  if (tokens > vocabularySize) throw metadata.error("tokenizer.ggml.tokens", `must be at most the ${vocabularySize} of token_embd.weight`);
  const epsilon = metadata.number(name("attention.layer_norm_rms_epsilon"));
  const matrices = plan.tensors.map(({ ggufName }) => checkpoint.entry(ggufName)).filter(({ shape }) => shape.length > 1);
  return {
    architectures: [architecture.huggingFaceClass],
    vocab_size: vocabularySize,
    hidden_size: positive(metadata, name("embedding_length")),
    intermediate_size: sameInEveryLayer(metadata, name("feed_forward_length")),
    num_hidden_layers: sizes.numLayers,
    num_attention_heads: sizes.numQueryHeads,
    num_key_value_heads: sizes.numKeyValueHeads,
    head_dim: sizes.headDim,
    max_position_embeddings: positive(metadata, name("context_length")),
    rms_norm_eps: shortestFloat(epsilon),
    hidden_act: "silu",
    rope_parameters: ropeParameters(metadata, checkpoint, architecture.name, sizes.headDim),
    tie_word_embeddings: plan.tiedEmbeddings,
    attention_bias: plan.attentionBias,
    mlp_bias: plan.mlpBias,
    dtype: matrices.every(({ type }) => type === "F32") ? "float32" : "bfloat16",
    bos_token_id: optionalId(metadata, "bos"),
    eos_token_id: ["eos", "eot", "eom"].map((kind) => optionalId(metadata, kind)).filter((id) => id !== null),
  };
}

function positive(metadata: GgufMetadata, key: string): number {
  const value = metadata.count(key);
  if (value === 0) throw metadata.error(key, "must be above 0");
  return value;
}

/** A number, or a list with one for each layer, which must be equal. */
function sameInEveryLayer(metadata: GgufMetadata, key: string): number {
  if (typeof metadata.get(key) !== "object") return positive(metadata, key);
  const values = metadata.numbers(key);
  const first = values[0] ?? 0;
  if (!(first > 0) || !values.every((value) => value === first)) throw metadata.error(key, "must be one number above 0 for all layers");
  return first;
}

function optionalId(metadata: GgufMetadata, kind: string): number | null {
  const key = `tokenizer.ggml.${kind}_token_id`;
  // Older files say so where there is none.
  return metadata.has(key) && metadata.get(key) !== -1 && metadata.get(key) !== 2 ** 32 - 1 ? metadata.count(key) : null;
}
