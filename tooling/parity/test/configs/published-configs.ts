/** A config.json as its publisher keeps it, and what a reader must make of it. */
export interface PublishedConfig {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Number of parameters, in millions, as the model's card has it (rounded down). */
  readonly millions: number;
  readonly contextLength: number;
  /** Layers that a router decides about. Default: all. */
  readonly routed?: number;
}

const common = { initializer_range: 0.02, attention_dropout: 0, torch_dtype: "bfloat16", transformers_version: "4.50.0", use_cache: true, hidden_act: "silu" };
const types = (count: number, isFull: (layer: number) => boolean) => Array.from({ length: count }, (_, layer) => (isFull(layer) ? "full_attention" : "sliding_attention"));
const factors = (count: number) => Array.from({ length: count }, (_, pair) => 1 + pair / 2);
const model = (architecture: string, layers: number, hidden: number, inner: number, heads: number, keyValueHeads: number, vocabulary: number, context: number) => ({
  ...common, architectures: [`${architecture}ForCausalLM`], num_hidden_layers: layers, hidden_size: hidden, intermediate_size: inner, num_attention_heads: heads,
  num_key_value_heads: keyValueHeads, vocab_size: vocabulary, max_position_embeddings: context,
});
const gemma = { attention_bias: false, cache_implementation: "hybrid", pad_token_id: 0, bos_token_id: 2, head_dim: 256, hidden_activation: "gelu_pytorch_tanh", rms_norm_eps: 1e-6, query_pre_attn_scalar: 256 };

/** From memory of the published files; lists of numbers are stand-ins of the right length. */
export const publishedConfigs: readonly PublishedConfig[] = [
  {
    name: "Llama 3.2 1B Instruct", millions: 1235, contextLength: 131_072,
    config: {
      ...model("Llama", 16, 2048, 8192, 32, 8, 128_256, 131_072), attention_bias: false, mlp_bias: false, head_dim: 64, bos_token_id: 128_000, eos_token_id: [128_001, 128_008, 128_009],
      model_type: "llama", pretraining_tp: 1, rms_norm_eps: 1e-5, rope_theta: 500_000, tie_word_embeddings: true,
      rope_scaling: { factor: 32, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: "llama3" },
    },
  },
  {
    name: "SmolLM2 135M Instruct", millions: 134, contextLength: 8192,
    config: {
      ...model("Llama", 30, 576, 1536, 9, 3, 49_152, 8192), attention_bias: false, mlp_bias: false, bos_token_id: 1, eos_token_id: 2, pad_token_id: 2, is_llama_config: true, model_type: "llama",
      pretraining_tp: 1, rms_norm_eps: 1e-5, rope_interleaved: false, rope_scaling: null, rope_theta: 100_000, tie_word_embeddings: true, "transformers.js_config": { kv_cache_dtype: { q4f16: "float16" } },
    },
  },
  {
    name: "Llama 2 7B", millions: 6738, contextLength: 4096,
    config: {
      ...model("Llama", 32, 4096, 11_008, 32, 32, 32_000, 4096), _name_or_path: "meta-llama/Llama-2-7b-hf", bos_token_id: 1, eos_token_id: 2, model_type: "llama", pretraining_tp: 1, rms_norm_eps: 1e-5,
      rope_scaling: null, tie_word_embeddings: false, torch_dtype: "float16",
    },
  },
  {
    name: "TinyLlama 1.1B Chat v1.0", millions: 1100, contextLength: 2048,
    config: {
      ...model("Llama", 22, 2048, 5632, 32, 4, 32_000, 2048), attention_bias: false, bos_token_id: 1, eos_token_id: 2, model_type: "llama", pretraining_tp: 1, rms_norm_eps: 1e-5, rope_scaling: null,
      rope_theta: 10_000, tie_word_embeddings: false,
    },
  },
  {
    name: "Qwen2.5 7B Instruct", millions: 7615, contextLength: 32_768,
    config: {
      ...model("Qwen2", 28, 3584, 18_944, 28, 4, 152_064, 32_768), bos_token_id: 151_643, eos_token_id: 151_645, max_window_layers: 28, model_type: "qwen2", rms_norm_eps: 1e-6, rope_theta: 1_000_000,
      sliding_window: 131_072, tie_word_embeddings: false, use_sliding_window: false,
    },
  },
  {
    name: "Qwen3 8B", millions: 8190, contextLength: 40_960,
    config: {
      ...model("Qwen3", 36, 4096, 12_288, 32, 8, 151_936, 40_960), attention_bias: false, bos_token_id: 151_643, eos_token_id: 151_645, head_dim: 128, max_window_layers: 36, model_type: "qwen3",
      rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 1_000_000, sliding_window: null, tie_word_embeddings: false, use_sliding_window: false,
    },
  },
  {
    name: "Qwen3 8B with the scaling that its card describes", millions: 8190, contextLength: 131_072,
    config: {
      ...model("Qwen3", 36, 4096, 12_288, 32, 8, 151_936, 40_960), attention_bias: false, bos_token_id: 151_643, eos_token_id: 151_645, head_dim: 128, max_window_layers: 36, model_type: "qwen3",
      rms_norm_eps: 1e-6, rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32_768 }, rope_theta: 1_000_000, sliding_window: null, tie_word_embeddings: false,
      use_sliding_window: false,
    },
  },
  {
    name: "Qwen3 30B-A3B", millions: 30_532, contextLength: 40_960,
    config: {
      ...model("Qwen3Moe", 48, 2048, 6144, 32, 4, 151_936, 40_960), attention_bias: false, bos_token_id: 151_643, eos_token_id: 151_645, decoder_sparse_step: 1, head_dim: 128, max_window_layers: 48,
      mlp_only_layers: [], model_type: "qwen3_moe", moe_intermediate_size: 768, norm_topk_prob: true, num_experts: 128, num_experts_per_tok: 8, output_router_logits: false, rms_norm_eps: 1e-6,
      rope_scaling: null, rope_theta: 1_000_000, router_aux_loss_coef: 0.001, sliding_window: null, tie_word_embeddings: false, use_sliding_window: false,
    },
  },
  {
    name: "Mistral 7B v0.1", millions: 7241, contextLength: 32_768, routed: 0,
    config: { ...model("Mistral", 32, 4096, 14_336, 32, 8, 32_000, 32_768), bos_token_id: 1, eos_token_id: 2, model_type: "mistral", rms_norm_eps: 1e-5, rope_theta: 10_000, sliding_window: 4096, tie_word_embeddings: false },
  },
  {
    name: "Mistral Nemo Instruct 2407", millions: 12_247, contextLength: 131_072,
    config: {
      ...model("Mistral", 40, 5120, 14_336, 32, 8, 131_072, 131_072), bos_token_id: 1, eos_token_id: 2, head_dim: 128, model_type: "mistral", rms_norm_eps: 1e-5, rope_theta: 1_000_000,
      sliding_window: null, tie_word_embeddings: false,
    },
  },
  {
    name: "Mistral 7B v0.3", millions: 7248, contextLength: 32_768,
    config: { ...model("Mistral", 32, 4096, 14_336, 32, 8, 32_768, 32_768), bos_token_id: 1, eos_token_id: 2, model_type: "mistral", rms_norm_eps: 1e-5, rope_theta: 1_000_000, sliding_window: null, tie_word_embeddings: false },
  },
  {
    name: "Ministral 8B Instruct 2410", millions: 8019, contextLength: 32_768,
    config: {
      ...model("Mistral", 36, 4096, 12_288, 32, 8, 131_072, 32_768), bos_token_id: 1, eos_token_id: 2, head_dim: 128, model_type: "mistral", rms_norm_eps: 1e-5, rope_theta: 100_000_000,
      sliding_window: 32_768, tie_word_embeddings: false,
    },
  },
  {
    name: "Mistral Small 3.1 24B Instruct 2503, whose file has the text model inside", millions: 23_572, contextLength: 131_072,
    config: {
      architectures: ["Mistral3ForConditionalGeneration"], image_token_index: 10, model_type: "mistral3", multimodal_projector_bias: false, projector_hidden_act: "gelu", spatial_merge_size: 2,
      torch_dtype: "bfloat16", transformers_version: "4.50.0.dev0", vision_feature_layer: -1,
      text_config: {
        attention_dropout: 0, head_dim: 128, hidden_act: "silu", hidden_size: 5120, initializer_range: 0.02, intermediate_size: 32_768, max_position_embeddings: 131_072, model_type: "mistral",
        num_attention_heads: 32, num_hidden_layers: 40, num_key_value_heads: 8, rms_norm_eps: 1e-5, rope_theta: 1_000_000_000, sliding_window: null, use_cache: true, vocab_size: 131_072,
      },
      vision_config: { attention_dropout: 0, head_dim: 64, hidden_act: "silu", hidden_size: 1024, image_size: 1540, intermediate_size: 4096, model_type: "pixtral", num_hidden_layers: 24, patch_size: 14 },
    },
  },
  {
    name: "Ministral 3 8B Instruct 2512 in bf16, whose file has the text model inside", millions: 8489, contextLength: 262_144,
    config: {
      architectures: ["Mistral3ForConditionalGeneration"], dtype: "bfloat16", image_token_index: 10, model_type: "mistral3", multimodal_projector_bias: false, projector_hidden_act: "gelu",
      spatial_merge_size: 2, transformers_version: "5.0.0.dev0", vision_feature_layer: -1,
      text_config: {
        attention_dropout: 0, head_dim: 128, hidden_act: "silu", hidden_size: 4096, initializer_range: 0.02, intermediate_size: 14_336, max_position_embeddings: 262_144, model_type: "ministral3",
        num_attention_heads: 32, num_hidden_layers: 34, num_key_value_heads: 8, rms_norm_eps: 1e-5, sliding_window: null, tie_word_embeddings: false, use_cache: true, vocab_size: 131_072,
        rope_parameters: {
          beta_fast: 32, beta_slow: 1, factor: 16, llama_4_scaling_beta: 0.1, mscale: 1, mscale_all_dim: 1, original_max_position_embeddings: 16_384, rope_theta: 1_000_000, rope_type: "yarn", type: "yarn",
        },
      },
      vision_config: { hidden_size: 1024, image_size: 1540, intermediate_size: 4096, model_type: "pixtral", num_hidden_layers: 24, patch_size: 14 },
    },
  },
  {
    name: "Mixtral 8x7B Instruct v0.1", millions: 46_702, contextLength: 32_768,
    config: {
      ...model("Mixtral", 32, 4096, 14_336, 32, 8, 32_000, 32_768), bos_token_id: 1, eos_token_id: 2, model_type: "mixtral", num_experts_per_tok: 2, num_local_experts: 8, output_router_logits: false,
      rms_norm_eps: 1e-5, rope_theta: 1_000_000, router_aux_loss_coef: 0.02, sliding_window: null, tie_word_embeddings: false,
    },
  },
  {
    name: "Phi-3 mini 4k instruct", millions: 3821, contextLength: 4096, routed: 0,
    config: {
      ...model("Phi3", 32, 3072, 8192, 32, 32, 32_064, 4096), _name_or_path: "Phi-3-mini-4k-instruct", attention_bias: false, auto_map: { AutoConfig: "configuration_phi3.Phi3Config" }, bos_token_id: 1,
      embd_pdrop: 0, eos_token_id: 32_000, model_type: "phi3", original_max_position_embeddings: 4096, pad_token_id: 32_000, resid_pdrop: 0, rms_norm_eps: 1e-5, rope_scaling: null, rope_theta: 10_000,
      sliding_window: 2047, tie_word_embeddings: false,
    },
  },
  {
    name: "Phi-3 mini 128k instruct", millions: 3821, contextLength: 131_072,
    config: {
      ...model("Phi3", 32, 3072, 8192, 32, 32, 32_064, 131_072), _name_or_path: "Phi-3-mini-128k-instruct", attention_bias: false, auto_map: { AutoConfig: "configuration_phi3.Phi3Config" }, bos_token_id: 1,
      embd_pdrop: 0, eos_token_id: 32_000, model_type: "phi3", original_max_position_embeddings: 4096, pad_token_id: 32_000, resid_pdrop: 0, rms_norm_eps: 1e-5,
      rope_scaling: { long_factor: factors(48), short_factor: factors(48), type: "longrope" }, rope_theta: 10_000, sliding_window: 262_144, tie_word_embeddings: false,
    },
  },
  {
    name: "Phi-4 mini instruct", millions: 3836, contextLength: 131_072,
    config: {
      ...model("Phi3", 32, 3072, 8192, 24, 8, 200_064, 131_072), attention_bias: false, bos_token_id: 199_999, embd_pdrop: 0, eos_token_id: 199_999, full_attn_mod: 1, interpolate_factor: 1,
      lm_head_bias: false, mlp_bias: false, model_type: "phi3", original_max_position_embeddings: 4096, pad_token_id: 199_999, partial_rotary_factor: 0.75, resid_pdrop: 0, rms_norm_eps: 1e-5,
      rope_scaling: { long_factor: factors(48), short_factor: factors(48), type: "longrope" }, rope_theta: 10_000, sliding_window: 262_144, tie_word_embeddings: true,
    },
  },
  {
    name: "Phi-4 (14B)", millions: 14_659, contextLength: 16_384,
    config: {
      ...model("Phi3", 40, 5120, 17_920, 40, 10, 100_352, 16_384), bos_token_id: 100_257, embd_pdrop: 0, eos_token_id: 100_257, model_type: "phi3", original_max_position_embeddings: 16_384,
      pad_token_id: 100_257, resid_pdrop: 0, rms_norm_eps: 1e-5, rope_scaling: null, rope_theta: 250_000, sliding_window: null, tie_word_embeddings: false,
    },
  },
  {
    name: "Gemma 2 9B it", millions: 9241, contextLength: 8192, routed: 21,
    config: {
      ...model("Gemma2", 42, 3584, 14_336, 16, 8, 256_000, 8192), ...gemma, attn_logit_softcapping: 50, eos_token_id: [1, 107], final_logit_softcapping: 30, hidden_act: "gelu_pytorch_tanh",
      model_type: "gemma2", rope_theta: 10_000, sliding_window: 4096, sliding_window_size: 4096,
    },
  },
  {
    name: "Gemma 3 1B it", millions: 999, contextLength: 32_768, routed: 4,
    config: {
      ...model("Gemma3", 26, 1152, 6912, 4, 1, 262_144, 32_768), ...gemma, hidden_act: undefined, attn_logit_softcapping: null, eos_token_id: [1, 106], final_logit_softcapping: null,
      model_type: "gemma3_text", rope_local_base_freq: 10_000, rope_scaling: null, rope_theta: 1_000_000, sliding_window: 512, sliding_window_pattern: 6,
    },
  },
  {
    name: "Gemma 3 4B it, whose file has the text model inside", millions: 3880, contextLength: 131_072, routed: 5,
    config: {
      architectures: ["Gemma3ForConditionalGeneration"], boi_token_index: 255_999, eoi_token_index: 256_000, eos_token_id: [1, 106], image_token_index: 262_144, initializer_range: 0.02,
      mm_tokens_per_image: 256, model_type: "gemma3", torch_dtype: "bfloat16", transformers_version: "4.50.0.dev0",
      text_config: { hidden_size: 2560, intermediate_size: 10_240, model_type: "gemma3_text", num_hidden_layers: 34, rope_scaling: { factor: 8, rope_type: "linear" }, sliding_window: 1024 },
      vision_config: { hidden_size: 1152, image_size: 896, intermediate_size: 4304, model_type: "siglip_vision_model", num_attention_heads: 16, num_hidden_layers: 27, patch_size: 14, vision_use_head: false },
    },
  },
  {
    name: "SmolLM3 3B", millions: 3075, contextLength: 65_536,
    config: {
      ...model("SmolLM3", 36, 2048, 11_008, 16, 4, 128_256, 65_536), attention_bias: false, bos_token_id: 128_000, eos_token_id: 128_012, layer_types: types(36, () => true), max_window_layers: 28,
      mlp_bias: false, model_type: "smollm3", no_rope_layer_interval: 4, no_rope_layers: Array.from({ length: 36 }, (_, layer) => ((layer + 1) % 4 === 0 ? 0 : 1)), pad_token_id: 128_004,
      pretraining_tp: 2, rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 5_000_000, sliding_window: null, use_cache: false, use_sliding_window: false,
    },
  },
  {
    name: "OLMo 2 1124 7B", millions: 7298, contextLength: 4096,
    config: {
      ...model("Olmo2", 32, 4096, 11_008, 32, 32, 100_352, 4096), attention_bias: false, eos_token_id: 100_257, model_type: "olmo2", pad_token_id: 100_277, rms_norm_eps: 1e-6, rope_scaling: null,
      rope_theta: 500_000, tie_word_embeddings: false, torch_dtype: "float32",
    },
  },
  {
    name: "Granite 3.3 8B instruct", millions: 8170, contextLength: 131_072,
    config: {
      ...model("Granite", 40, 4096, 12_800, 32, 8, 49_159, 131_072), attention_bias: false, attention_multiplier: 0.0078125, bos_token_id: 0, embedding_multiplier: 12, eos_token_id: 0,
      logits_scaling: 16, mlp_bias: false, model_type: "granite", pad_token_id: 0, residual_multiplier: 0.22, rms_norm_eps: 1e-5, rope_scaling: null, rope_theta: 10_000_000, tie_word_embeddings: true,
    },
  },
  {
    name: "gpt-oss 20B", millions: 20_914, contextLength: 131_072, routed: 12,
    config: {
      ...model("GptOss", 24, 2880, 2880, 64, 8, 201_088, 131_072), torch_dtype: undefined, attention_bias: true, eos_token_id: 200_002, experts_per_token: 4, head_dim: 64, initial_context_length: 4096,
      layer_types: types(24, (layer) => layer % 2 === 1), model_type: "gpt_oss", num_experts_per_tok: 4, num_local_experts: 32, output_router_logits: false, pad_token_id: 199_999,
      quantization_config: { modules_to_not_convert: ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"], quant_method: "mxfp4" }, rms_norm_eps: 1e-5,
      rope_scaling: { beta_fast: 32, beta_slow: 1, factor: 32, original_max_position_embeddings: 4096, rope_type: "yarn", truncate: false }, rope_theta: 150_000, router_aux_loss_coef: 0.9,
      sliding_window: 128, swiglu_limit: 7, tie_word_embeddings: false,
    },
  },
  {
    name: "GLM-4 9B 0414", millions: 9400, contextLength: 32_768,
    config: {
      ...model("Glm4", 40, 4096, 13_696, 32, 2, 151_552, 32_768), attention_bias: true, eos_token_id: [151_329, 151_336, 151_338], head_dim: 128, model_type: "glm4", pad_token_id: 151_329,
      partial_rotary_factor: 0.5, rms_norm_eps: 1e-5, rope_theta: 10_000, tie_word_embeddings: false,
    },
  },
  {
    name: "GLM-4 9B chat of 2024", millions: 9399, contextLength: 131_072,
    config: {
      ...model("Glm", 40, 4096, 13_696, 32, 2, 151_552, 131_072), attention_bias: true, eos_token_id: [151_329, 151_336, 151_338], head_dim: 128, model_type: "glm", pad_token_id: 151_329,
      partial_rotary_factor: 0.5, rms_norm_eps: 1.5625e-7, rope_theta: 10_000, tie_word_embeddings: false,
    },
  },
  {
    name: "EXAONE 4.0 32B", millions: 32_003, contextLength: 131_072, routed: 16,
    config: {
      ...model("Exaone4", 64, 5120, 27_392, 40, 8, 102_400, 131_072), bos_token_id: 1, eos_token_id: 361, head_dim: 128, layer_types: types(64, (layer) => layer % 4 === 3), model_type: "exaone4",
      pad_token_id: 0, rms_norm_eps: 1e-5, rope_scaling: { factor: 16, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: "llama3" }, rope_theta: 1_000_000,
      sliding_window: 4096, sliding_window_pattern: "LLLG", tie_word_embeddings: false,
    },
  },
  {
    name: "EXAONE 4.0 1.2B", millions: 1279, contextLength: 65_536,
    config: {
      ...model("Exaone4", 30, 2048, 4096, 32, 8, 102_400, 65_536), bos_token_id: 1, eos_token_id: 361, head_dim: 64, layer_types: types(30, () => true), model_type: "exaone4", pad_token_id: 0,
      rms_norm_eps: 1e-5, rope_scaling: { factor: 16, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: "llama3" }, rope_theta: 1_000_000,
      sliding_window: null, sliding_window_pattern: null, tie_word_embeddings: true,
    },
  },
  {
    name: "Seed-OSS 36B Instruct", millions: 36_151, contextLength: 524_288,
    config: {
      ...model("SeedOss", 64, 5120, 27_648, 80, 8, 155_136, 524_288), attention_bias: true, attention_dropout: 0.1, attention_out_bias: false, bos_token_id: 0, eos_token_id: 2, head_dim: 128,
      mlp_bias: false, model_type: "seed_oss", pad_token_id: 1, pretraining_tp: 1, residual_dropout: 0.1, rms_norm_eps: 1e-6, rope_scaling: { rope_type: "default" }, rope_theta: 10_000_000,
      tie_word_embeddings: false,
    },
  },
  {
    name: "Command R7B 12-2024", millions: 8028, contextLength: 132_096, routed: 8,
    config: {
      ...model("Cohere2", 32, 4096, 14_336, 32, 8, 256_000, 132_096), attention_bias: false, bos_token_id: 5, cache_implementation: "hybrid", eos_token_id: 255_001, head_dim: 128, layer_norm_eps: 1e-5,
      layer_switch: 4, logit_scale: 0.25, model_type: "cohere2", order_of_interleaved_layers: "local_attn_first", pad_token_id: 0, position_embedding_type: "rope_gptj", rope_scaling: null,
      rope_theta: 50_000, rotary_pct: 1, sliding_window: 4096, sliding_window_pattern: 4, use_embedding_sharing: true, use_gated_activation: true, use_parallel_block: true, use_parallel_embedding: true,
    },
  },
  {
    name: "Nemotron Mini 4B Instruct", millions: 4190, contextLength: 4096,
    config: {
      ...model("Nemotron", 32, 3072, 9216, 24, 8, 256_000, 4096), attention_bias: false, bos_token_id: 2, eos_token_id: 3, head_dim: 128, hidden_act: "relu2", hidden_dropout: 0, initializer_range: 0.0134,
      kv_channels: 128, mlp_bias: false, model_type: "nemotron", norm_eps: 1e-5, partial_rotary_factor: 0.5, rope_percent: 0.5, rope_scaling: null, rope_theta: 10_000, tie_word_embeddings: false,
    },
  },
];
