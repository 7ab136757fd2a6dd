import type { ModelConfig } from "./model-config.js";

/** Keys that change nothing in what a decoder computes from given tokens: bookkeeping, training, sampling, ids. */
const inertKeys: ReadonlySet<string> = new Set(
  `_name_or_path name_or_path _commit_hash architectures model_type auto_map transformers_version transformers.js_config
  tokenizer_class torch_dtype dtype torchscript use_bfloat16 use_cache unsloth_version unsloth_fixed
  _attn_implementation _attn_implementation_autoset attn_implementation use_flash_attn _flash_attn_2_enabled
  return_dict return_dict_in_generate output_attentions output_hidden_states output_scores output_router_logits
  is_decoder is_llama_config tie_encoder_decoder cross_attention_hidden_size chunk_size_feed_forward pretraining_tp
  task_specific_params finetuning_task problem_type prefix id2label label2id num_labels
  initializer_range initializer_cutoff_factor gradient_checkpointing attention_dropout hidden_dropout residual_dropout
  resid_pdrop embd_pdrop attn_pdrop classifier_dropout router_aux_loss_coef router_jitter_noise aux_loss_alpha
  bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id forced_bos_token_id
  forced_eos_token_id suppress_tokens begin_suppress_tokens bad_words_ids
  max_length min_length do_sample early_stopping num_beams num_beam_groups num_return_sequences temperature top_k top_p
  typical_p repetition_penalty length_penalty diversity_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size
  exponential_decay_length_penalty remove_invalid_values cache_implementation
  seq_length model_max_length max_sequence_length num_nextn_predict_layers
  enable_lambda_task disable_linear_regularization_term use_task_emb_for_mask suggested_sparsity suggested_threshold
  enable_layerwise_sparsity layerwise_sparsity_schedule layerwise_sparsity_min_ratio layerwise_sparsity_max_ratio
  layerwise_sparsity_power layerwise_sparsity_weight erank_analysis_path topk_k pooling_seq triangle_n_last
  type finetuned`.split(/\s+/),
);

type Neutral = (value: unknown, config: ModelConfig) => boolean;

const only =
  (...values: readonly unknown[]): Neutral =>
  (value) => values.includes(value);
const empty: Neutral = (value) => Array.isArray(value) && value.length === 0;
const never: Neutral = () => false;
/** Says again what another key says. */
const same =
  (other: string, fallback?: unknown): Neutral =>
  (value, config) => value === (config.value(other) ?? fallback);
/** Without the switch it says nothing. */
const withoutWindows: Neutral = (_, config) => config.has("use_sliding_window") && !config.boolean("use_sliding_window");
/** The types of the layers are listed, which decides. */
const withLayerTypes: Neutral = (_, config) => config.has("layer_types") || withoutWindows(_, config);

/** Keys that change what is computed, and when they do not. Inside a section they count by their own name. */
const computationKeys: Readonly<Record<string, Neutral>> = {
  is_encoder_decoder: only(false),
  add_cross_attention: only(false),
  pruned_heads: (value) => typeof value === "object" && Object.keys(value as object).length === 0,
  tie_word_embeddings: only(false),
  // Windows and kinds of layers.
  use_sliding_window: only(false),
  // A window that no text outgrows changes nothing either.
  sliding_window: (value, config) => withoutWindows(value, config) || (typeof value === "number" && value >= config.count("max_position_embeddings", Infinity)),
  max_window_layers: withoutWindows,
  sliding_window_size: same("sliding_window"),
  sliding_window_pattern: withLayerTypes,
  _sliding_window_pattern: withLayerTypes,
  layer_types: (value, config) => withoutWindows(value, config) || (Array.isArray(value) && value.every((type) => type === "full_attention")),
  attention_chunk_size: never,
  use_bidirectional_attention: only(false),
  no_rope_layers: (value) => Array.isArray(value) && value.every((rotated) => rotated === 1 || rotated === true),
  no_rope_layer_interval: (_, config) => config.has("no_rope_layers"),
  // Rotary embedding.
  rope_scaling: never,
  rope_parameters: never,
  rope_theta: (value, config) => config.section("rope_parameters")?.has("rope_theta") === true && config.section("rope_parameters")!.number("rope_theta") === value,
  rope_local_base_freq: never,
  rope_interleaved: only(false),
  partial_rotary_factor: only(1),
  rotary_pct: only(1),
  rope_percent: same("partial_rotary_factor", 0.5),
  interpolate_factor: only(1),
  llama_4_scaling_beta: only(0),
  mrope_section: never,
  use_mrope: only(false),
  alibi: only(false),
  // Biases and norms.
  attention_bias: only(false),
  attention_out_bias: only(false),
  mlp_bias: only(false),
  qkv_bias: only(false),
  use_qkv_bias: only(false),
  use_bias: only(false),
  bias: only(false),
  lm_head_bias: only(false),
  qk_norm: only(false),
  use_qk_norm: only(false),
  qk_layernorm: only(false),
  // Scores, multipliers, soft caps.
  query_pre_attn_scalar: never,
  attn_logit_softcapping: only(0),
  final_logit_softcapping: only(0),
  clip_qkv: never,
  attention_multiplier: never,
  attn_temperature_tuning: only(false),
  embedding_multiplier: only(1),
  residual_multiplier: only(1),
  logits_scaling: only(1),
  logit_scale: only(1),
  scale_emb: only(1),
  scale_depth: never,
  dim_model_base: never,
  // Shape of a layer.
  kv_channels: same("head_dim"),
  full_attn_mod: only(1),
  parallel_attn: only(false),
  use_parallel_residual: only(false),
  hidden_activation: only("silu"),
  swiglu_limit: never,
  swiglu_alpha: never,
  kv_lora_rank: only(0),
  q_lora_rank: only(0),
  num_kv_shared_layers: only(0),
  // Experts.
  num_experts: only(0),
  num_local_experts: only(0),
  n_routed_experts: only(0),
  n_shared_experts: only(0),
  num_experts_per_tok: (value, config) => value === 0 || !["num_experts", "num_local_experts", "n_routed_experts"].some((key) => config.has(key)),
  moe_intermediate_size: (_, config) => !config.has("num_experts_per_tok"),
  shared_expert_intermediate_size: only(0),
  decoder_sparse_step: only(1),
  mlp_only_layers: empty,
  norm_topk_prob: (_, config) => !config.has("num_experts_per_tok"),
  first_k_dense_replace: only(0),
  interleave_moe_layer_step: only(0),
  // Routers of the elastic layout.
  enable_ada_sparsity: only(true),
  use_softmax: only(true),
  pool_size: only(100),
};

/**
 * The keys that nobody has read and nobody knows, in the order of the file: they may or may not matter.
 * @throws ModelConfigError for an unread key that changes what is computed
 */
export function checkUnreadKeys(config: ModelConfig): readonly string[] {
  const unknown: string[] = [];
  for (const [key, value] of config.unread()) {
    const name = key.slice(key.lastIndexOf(".") + 1);
    if (inertKeys.has(key) || inertKeys.has(name)) continue;
    const neutral = Object.hasOwn(computationKeys, name) ? computationKeys[name] : undefined;
    if (neutral === undefined) unknown.push(key);
    else if (!neutral(value, config)) throw config.unsupported(key, value);
  }
  return unknown;
}
