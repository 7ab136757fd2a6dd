import type { GgufCheckpoint, GgufMetadata } from "@elastic-attention/tensor";
import type { ArchitectureKeys } from "./architecture-keys.js";
import type { ConfigValues, GgufArchitecture } from "./gguf-architectures.js";
import { ropeParameters } from "./gguf-rope.js";
import type { TensorPlan } from "./gguf-tensor-names.js";

/** Sizes that the tensors of a file are checked and ordered by. */
export interface GgufSizes {
  readonly numLayers: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Of a layer; 0 in models without. */
  readonly numExperts: number;
}

/** More than any model has; what a file claims is not believed beyond. */
const maxExperts = 4096;

/** @throws GgufMetadataError */
export function readSizes(keys: ArchitectureKeys): GgufSizes {
  const hiddenSize = keys.positive("embedding_length");
  const numQueryHeads = keys.sameInEveryLayer("attention.head_count");
  const numKeyValueHeads = keys.has("attention.head_count_kv") ? keys.sameInEveryLayer("attention.head_count_kv") : numQueryHeads;
  const headDim = keys.has("attention.key_length") ? keys.positive("attention.key_length") : hiddenSize / numQueryHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw keys.error("attention.head_count", `must give heads of an even size, of ${hiddenSize} in all`);
  const valueDim = keys.positive("attention.value_length", headDim);
  if (valueDim !== headDim) throw keys.error("attention.value_length", `must be the ${headDim} of the keys`);
  const numExperts = keys.count("expert_count", 0);
  if (numExperts > maxExperts) throw keys.error("expert_count", `must be at most ${maxExperts}`);
  return { numLayers: keys.positive("block_count"), numQueryHeads, numKeyValueHeads, headDim, numExperts };
}

/**
 * What config.json would say of a GGUF model, in the form of transformers 5, so that the model adapters read both alike.
 * @throws GgufMetadataError
 */
export function huggingFaceConfig(checkpoint: GgufCheckpoint, architecture: GgufArchitecture, keys: ArchitectureKeys, sizes: GgufSizes, plan: TensorPlan): ConfigValues {
  const { metadata } = checkpoint;
  const vocabularySize = checkpoint.entry("token_embd.weight").shape[0]!;
  if (keys.count("vocab_size", vocabularySize) !== vocabularySize) throw keys.error("vocab_size", `must be the ${vocabularySize} of token_embd.weight`);
  const tokens = metadata.arrayLength("tokenizer.ggml.tokens") ?? 0;
  if (tokens > vocabularySize) throw metadata.error("tokenizer.ggml.tokens", `must be at most the ${vocabularySize} of token_embd.weight`);
  const matrices = plan.tensors.map(({ ggufName }) => checkpoint.entry(ggufName)).filter(({ shape }) => shape.length > 1);
  const common = {
    architectures: [architecture.huggingFaceClass],
    model_type: architecture.modelType,
    vocab_size: vocabularySize,
    hidden_size: keys.positive("embedding_length"),
    intermediate_size: keys.sameInEveryLayer(keys.has("feed_forward_length") ? "feed_forward_length" : "expert_feed_forward_length"),
    num_hidden_layers: sizes.numLayers,
    num_attention_heads: sizes.numQueryHeads,
    num_key_value_heads: sizes.numKeyValueHeads,
    head_dim: sizes.headDim,
    max_position_embeddings: keys.positive("context_length"),
    ...(architecture.keys?.includes("attention.layer_norm_epsilon") === true ? {} : { rms_norm_eps: keys.float("attention.layer_norm_rms_epsilon") }),
    hidden_act: "silu",
    rope_parameters: ropeParameters(keys, checkpoint, sizes.headDim, architecture.partialRotation ?? false),
    tie_word_embeddings: plan.tiedEmbeddings,
    ...(architecture.layout.attentionBias?.presence === "optional" ? { attention_bias: plan.attentionBias } : {}),
    ...(architecture.layout.mlpBias?.presence === "optional" ? { mlp_bias: plan.mlpBias } : {}),
    dtype: matrices.every(({ type }) => type === "F32") ? "float32" : "bfloat16",
    bos_token_id: optionalId(metadata, "bos"),
    eos_token_id: ["eos", "eot", "eom"].map((kind) => optionalId(metadata, kind)).filter((id) => id !== null),
  };
  return { ...common, ...architecture.config?.(keys, common) };
}

function optionalId(metadata: GgufMetadata, kind: string): number | null {
  const key = `tokenizer.ggml.${kind}_token_id`;
  // Older files say so where there is none.
  return metadata.has(key) && metadata.get(key) !== -1 && metadata.get(key) !== 2 ** 32 - 1 ? metadata.count(key) : null;
}
