import type { GgufValue } from "@elastic-attention/tensor";
import type { ArchitectureKeys } from "./architecture-keys.js";

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
  // The softmax that all supported experts have, over all or over the chosen: normalised, both are the same.
  expert_gating_func: [0, 1, 3],
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
  "attention.scale": [0],
  "attention.layer_norm_epsilon": [],
  "attention.shared_kv_layers": [0],
  "attention.q_lora_rank": [0],
  "attention.kv_lora_rank": [0],
  "attention.key_length_mla": [0],
  "attention.value_length_mla": [0],
  "rope.dimension_sections": [],
  "rope.scaling.yarn_log_multiplier": [0],
};

/** Keys beside those of the architecture that change nothing in what the decoder computes. */
const inertPrefixes = ["general.", "tokenizer.", "split.", "quantize.", "imatrix."];

/** Keys of layers that slide, and what they say again where both are equal. */
const slidingKeys: Readonly<Record<string, string>> = {
  "attention.key_length_swa": "attention.key_length",
  "attention.value_length_swa": "attention.value_length",
  "rope.dimension_count_swa": "rope.dimension_count",
  "rope.freq_base_swa": "rope.freq_base",
};

/**
 * Keys of a file that nobody here knows, in its order; they may or may not matter.
 * @param own what the architecture reads beside the keys of every architecture
 * @throws GgufMetadataError for keys that change the computation in a way that is not supported
 */
export function checkKeys(keys: ArchitectureKeys, own: readonly string[] = []): readonly string[] {
  const prefix = `${keys.architecture}.`;
  const unknown: string[] = [];
  for (const name of keys.metadata.keys) {
    const key = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    if (key === undefined) {
      if (!inertPrefixes.some((inert) => name.startsWith(inert))) unknown.push(name);
    } else if (readKeys.has(key) || own.includes(key)) continue;
    else if (Object.hasOwn(neutralValues, key) || Object.hasOwn(slidingKeys, key)) {
      if (!isNeutral(keys, key)) throw keys.error(key, "asks for what is not supported");
    } else unknown.push(name);
  }
  return unknown;
}

/** Whether a key says what holds without it, given the others. */
function isNeutral(keys: ArchitectureKeys, key: string): boolean {
  const value = keys.get(key);
  if (neutralValues[key]?.includes(value!) === true) return true;
  const same = slidingKeys[key];
  if (same !== undefined) return value === keys.get(same);
  // A window that no text outgrows.
  return key === "attention.sliding_window" && typeof value === "number" && value >= keys.count("context_length");
}
