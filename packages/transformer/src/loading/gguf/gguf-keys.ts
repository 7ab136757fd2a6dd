import type { GgufMetadata, GgufValue } from "@elastic-attention/tensor";

/** Keys of an architecture (behind its name) that say what the config says. */
const readKeys: ReadonlySet<string> = new Set([
  "vocab_size",
  "context_length",
  "embedding_length",
  "block_count",
  "feed_forward_length",
  "attention.head_count",
  "attention.head_count_kv",
  "attention.key_length",
  "attention.value_length",
  "attention.layer_norm_rms_epsilon",
  "rope.dimension_count",
  "rope.freq_base",
  "rope.scale_linear",
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.scaling.attn_factor",
  "rope.scaling.original_context_length",
  "rope.scaling.yarn_ext_factor",
  "rope.scaling.yarn_attn_factor",
  "rope.scaling.yarn_beta_fast",
  "rope.scaling.yarn_beta_slow",
  // Whether a model was trained further on longer texts changes nothing in how it runs.
  "rope.scaling.finetuned",
]);

/** Keys that change what a model computes, and the values at which they do not; at any other the file is refused. */
const neutralValues: Readonly<Record<string, readonly GgufValue[]>> = {
  tensor_data_layout: ["reference", "Meta AI original pth"],
  use_parallel_residual: [false],
  expert_count: [0],
  expert_used_count: [0],
  expert_shared_count: [0],
  expert_feed_forward_length: [0],
  expert_shared_feed_forward_length: [0],
  expert_weights_scale: [0, 1],
  expert_weights_norm: [false],
  expert_gating_func: [0],
  expert_group_count: [0, 1],
  expert_group_used_count: [0, 1],
  interleave_moe_layer_step: [0],
  moe_every_n_layers: [0],
  leading_dense_block_count: [0],
  nextn_predict_layers: [0],
  logit_scale: [0, 1],
  residual_scale: [0, 1],
  embedding_scale: [0, 1],
  attn_logit_softcapping: [0],
  final_logit_softcapping: [0],
  router_logit_softcapping: [0],
  swin_norm: [false],
  pooling_type: [0],
  "attention.causal": [true],
  "attention.max_alibi_bias": [0],
  "attention.clamp_kqv": [0],
  "attention.sliding_window": [0],
  "attention.sliding_window_pattern": [false, 0, 1],
  "attention.temperature_length": [0],
  "attention.temperature_scale": [0, 1],
  "attention.output_scale": [0, 1],
  "attention.layer_norm_epsilon": [],
  "attention.q_lora_rank": [0],
  "attention.kv_lora_rank": [0],
  "attention.key_length_mla": [0],
  "attention.value_length_mla": [0],
  "rope.dimension_sections": [],
  "rope.scaling.yarn_log_multiplier": [0],
};

/** Keys beside those of the architecture that change nothing in what the decoder computes. */
const inertPrefixes = ["general.", "tokenizer.", "split.", "quantize.", "imatrix."];

/**
 * Keys of a file that nobody here knows, in its order; they may or may not matter.
 * @throws GgufMetadataError for keys that change the computation in a way that is not supported
 */
export function checkKeys(metadata: GgufMetadata, architecture: string): readonly string[] {
  const prefix = `${architecture}.`;
  const unknown: string[] = [];
  for (const key of metadata.keys) {
    const own = key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
    if (own !== undefined && readKeys.has(own)) continue;
    const neutral = own === undefined || !Object.hasOwn(neutralValues, own) ? undefined : neutralValues[own];
    if (neutral !== undefined) {
      if (!neutral.includes(metadata.get(key)!) && !neutralHere(metadata, architecture, own!)) {
        throw metadata.error(key, "asks for what is not supported");
      }
    } else if (own !== undefined || !inertPrefixes.some((inert) => key.startsWith(inert))) unknown.push(key);
  }
  return unknown;
}

/** Values that say what holds without them, given the other keys. */
function neutralHere(metadata: GgufMetadata, architecture: string, own: string): boolean {
  const value = metadata.get(`${architecture}.${own}`);
  // A window that no text outgrows.
  if (own === "attention.sliding_window") return typeof value === "number" && value >= metadata.count(`${architecture}.context_length`);
  return false;
}
