import type { OracleConfig } from "./oracle-model.js";

const shape = {
  vocab_size: 40,
  hidden_size: 32,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_type: "default", rope_theta: 10_000 },
  tie_word_embeddings: false,
  dtype: "float32",
};
const types = (letters: string) => ({ layer_types: Array.from(letters, (letter) => (letter === "S" ? "sliding_attention" : "full_attention")), num_hidden_layers: letters.length });
const rope = (more: OracleConfig, theta = 10_000) => ({ rope_parameters: { rope_theta: theta, ...more } });
const family = (model_type: string, architecture: string, more: OracleConfig): OracleConfig => ({ ...shape, model_type, architectures: [`${architecture}ForCausalLM`], ...more });
const llama = (more: OracleConfig) => family("llama", "Llama", more);
const gemma = { hidden_activation: "gelu_pytorch_tanh", query_pre_attn_scalar: 11, head_dim: 12, sliding_window: 6, tie_word_embeddings: true, hidden_act: undefined };
const factors = (slope: number) => [1, 2, 3, 4].map((pair) => 1 + slope * pair);

/** A config of a few kilobytes of weights for each family and each scaling, in the form of transformers 5. */
export const tinyFamilies: readonly (readonly [name: string, config: OracleConfig])[] = [
  ["Llama", llama({})],
  ["Llama with biases", llama({ attention_bias: true, mlp_bias: true })],
  ["Llama with linear scaling", llama(rope({ rope_type: "linear", factor: 3 }))],
  ["Llama with dynamic scaling", llama({ ...rope({ rope_type: "dynamic", factor: 2 }), max_position_embeddings: 16 })],
  ["Llama with YaRN", llama(rope({ rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 }))],
  ["Llama with longrope", llama(rope({ rope_type: "longrope", short_factor: factors(0.1), long_factor: factors(1), original_max_position_embeddings: 16 }))],
  ["Llama 3.1", llama(rope({ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 16 }))],
  ["Qwen2", family("qwen2", "Qwen2", { use_sliding_window: true, sliding_window: 6, max_window_layers: 2, ...types("FSF") })],
  ["Qwen3", family("qwen3", "Qwen3", { head_dim: 12, use_sliding_window: true, sliding_window: 7, max_window_layers: 1, ...types("FSF") })],
  ["Mistral", family("mistral", "Mistral", { sliding_window: 9 })],
  ["Ministral", family("ministral", "Ministral", { sliding_window: 5, ...types("SFS") })],
  ["Ministral 3", family("ministral3", "Ministral3", rope({ rope_type: "yarn", factor: 4, mscale: 1, mscale_all_dim: 1, original_max_position_embeddings: 8, llama_4_scaling_beta: 0.1 }))],
  ["Gemma 2", family("gemma2", "Gemma2", { ...gemma, attn_logit_softcapping: 3, final_logit_softcapping: 2, ...types("SFSF") })],
  ["Gemma 3", family("gemma3_text", "Gemma3", { ...gemma, ...types("SSF"), rope_parameters: { full_attention: { rope_type: "linear", factor: 8, rope_theta: 1_000_000 }, sliding_attention: { rope_type: "default", rope_theta: 10_000 } } })],
  ["Phi-3", family("phi3", "Phi3", { sliding_window: 9, ...rope({ rope_type: "default", partial_rotary_factor: 0.5 }) })],
  ["Phi-3 with longrope", family("phi3", "Phi3", { original_max_position_embeddings: 16, sliding_window: null, ...rope({ rope_type: "longrope", short_factor: factors(0.1), long_factor: factors(1) }) })],
  ["SmolLM3", family("smollm3", "SmolLM3", { no_rope_layers: [1, 0, 1] })],
  ["OLMo 2", family("olmo2", "Olmo2", {})],
  ["Granite", family("granite", "Granite", { embedding_multiplier: 6, attention_multiplier: 0.2, residual_multiplier: 0.4, logits_scaling: 4 })],
  ["GLM", family("glm", "Glm", { head_dim: 8, attention_bias: true, ...rope({ rope_type: "default", partial_rotary_factor: 0.5 }) })],
  ["GLM-4", family("glm4", "Glm4", { head_dim: 8, attention_bias: true, ...rope({ rope_type: "default", partial_rotary_factor: 0.5 }) })],
  ["EXAONE 4", family("exaone4", "Exaone4", { sliding_window: 6, ...types("SSF") })],
  ["Seed-OSS", family("seed_oss", "SeedOss", { head_dim: 12, attention_bias: true, attention_out_bias: false })],
  ["Cohere 2", family("cohere2", "Cohere2", { layer_norm_eps: 1e-5, rms_norm_eps: undefined, sliding_window: 6, logit_scale: 0.25, ...types("SSF") })],
  ["Nemotron", family("nemotron", "Nemotron", { norm_eps: 1e-5, rms_norm_eps: undefined, hidden_act: "relu2", ...rope({ rope_type: "default", partial_rotary_factor: 0.5 }) })],
];
