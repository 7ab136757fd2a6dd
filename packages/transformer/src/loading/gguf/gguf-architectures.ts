import type { ArchitectureKeys } from "./architecture-keys.js";
import type { BiasLayout, LayerLayout } from "./layer-layout.js";
import { slidingLayers } from "./sliding-layers.js";

/** The `config.json` that a GGUF model would have. */
export type ConfigValues = Readonly<Record<string, unknown>>;

/** A kind of model that GGUF files name in `general.architecture`, and how it is named where transformers keeps it. */
export interface GgufArchitecture {
  /** Value of `general.architecture`, and what its keys begin with. */
  readonly name: string;
  /** The class that transformers' config.json names. */
  readonly huggingFaceClass: string;
  /** What it calls the kind of model. */
  readonly modelType: string;
  /** Classes of the same computation, whose models are written to files under this name. */
  readonly alsoClasses?: readonly string[];
  /**
   * Whether the rows of a query or key head lie in the order in which neighbours are rotated together. transformers rotates
   * element i with i + headDim / 2 in these, so such rows are put back when they are read.
   */
  readonly rotatesNeighbours?: boolean;
  /** Whether a part of each head may turn alone. */
  readonly partialRotation?: boolean;
  readonly layout: LayerLayout;
  /** Keys, behind the name, that it reads beside those of every architecture. */
  readonly keys?: readonly string[];
  /** What its config.json says otherwise than most, or beside it. */
  readonly config?: (keys: ArchitectureKeys, common: CommonConfig) => ConfigValues;
}

/** What the config of every architecture says, as far as others build on it. */
export interface CommonConfig {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly head_dim: number;
  readonly rope_parameters: ConfigValues;
}

const inputs = ["query", "key", "value"] as const;
const optional = (roles: BiasLayout["roles"]): BiasLayout => ({ roles, presence: "optional" });
const always = (roles: BiasLayout["roles"]): BiasLayout => ({ roles, presence: "always" });
const attentionBias = optional([...inputs, "attentionOutput"]);
const mlpBias = optional(["gate", "up", "down"]);
const expertKeys = ["expert_count", "expert_used_count", "expert_feed_forward_length"] as const;
const windowKeys = ["attention.sliding_window", "attention.sliding_window_pattern"] as const;

const gemma: LayerLayout = { norms: "both", gainIncludesOne: true };

const architectures: readonly GgufArchitecture[] = [
  { name: "llama", huggingFaceClass: "LlamaForCausalLM", modelType: "llama", alsoClasses: ["MistralForCausalLM", "Mistral3ForConditionalGeneration", "PawLlamaForCausalLM"], rotatesNeighbours: true, layout: { attentionBias, mlpBias } },
  {
    name: "llama",
    huggingFaceClass: "MixtralForCausalLM", modelType: "mixtral",
    rotatesNeighbours: true,
    layout: { experts: true },
    keys: expertKeys,
    config: experts,
  },
  { name: "qwen2", huggingFaceClass: "Qwen2ForCausalLM", modelType: "qwen2", layout: { attentionBias: always(inputs) } },
  { name: "qwen3", huggingFaceClass: "Qwen3ForCausalLM", modelType: "qwen3", alsoClasses: ["PawQwen3ForCausalLM"], layout: { attentionBias, queryKeyNorm: true } },
  {
    name: "qwen3moe",
    huggingFaceClass: "Qwen3MoeForCausalLM", modelType: "qwen3_moe",
    layout: { attentionBias, queryKeyNorm: true, experts: true },
    keys: [...expertKeys, "expert_weights_norm"],
    config: (keys) => ({ ...experts(keys), moe_intermediate_size: keys.positive("expert_feed_forward_length"), norm_topk_prob: keys.boolean("expert_weights_norm", true) }),
  },
  {
    name: "gemma2",
    huggingFaceClass: "Gemma2ForCausalLM", modelType: "gemma2",
    layout: gemma,
    keys: [...windowKeys, "attn_logit_softcapping", "final_logit_softcapping"],
    config: (keys, common) => ({
      ...gemmaConfig(common, 46),
      ...slidingLayers(keys, common.num_hidden_layers, { every: 2, window: 4096 }),
      attn_logit_softcapping: softCap(keys, "attn_logit_softcapping", 50),
      final_logit_softcapping: softCap(keys, "final_logit_softcapping", 30),
    }),
  },
  {
    name: "gemma3",
    huggingFaceClass: "Gemma3ForCausalLM", modelType: "gemma3_text", alsoClasses: ["Gemma3ForConditionalGeneration"],
    layout: { ...gemma, queryKeyNorm: true },
    keys: [...windowKeys, "final_logit_softcapping", "rope.freq_base_swa"],
    config: (keys, common) => ({
      ...gemmaConfig(common, 62),
      ...slidingLayers(keys, common.num_hidden_layers, { every: 6 }),
      final_logit_softcapping: softCap(keys, "final_logit_softcapping", 0),
      rope_parameters: {
        full_attention: common.rope_parameters,
        sliding_attention: { rope_type: "default", rope_theta: keys.float("rope.freq_base_swa", 10_000) },
      },
    }),
  },
  {
    name: "phi3",
    huggingFaceClass: "Phi3ForCausalLM", modelType: "phi3",
    partialRotation: true,
    layout: { fused: ["queryKeyValue", "gateUp"] },
    keys: windowKeys,
    config: (keys) => {
      const window = keys.count("attention.sliding_window", 0);
      return { sliding_window: window === 0 ? null : window };
    },
  },
  { name: "smollm3", huggingFaceClass: "SmolLM3ForCausalLM", modelType: "smollm3", rotatesNeighbours: true, layout: { attentionBias, mlpBias } },
  { name: "olmo2", huggingFaceClass: "Olmo2ForCausalLM", modelType: "olmo2", layout: { norms: "after", queryKeyNorm: true } },
  {
    name: "granite",
    huggingFaceClass: "GraniteForCausalLM", modelType: "granite",
    rotatesNeighbours: true,
    layout: { attentionBias, mlpBias },
    keys: ["attention.scale", "embedding_scale", "residual_scale", "logit_scale"],
    config: (keys, { head_dim }) => ({
      attention_multiplier: multiplier(keys, "attention.scale", head_dim ** -0.5),
      embedding_multiplier: multiplier(keys, "embedding_scale", 1),
      residual_multiplier: multiplier(keys, "residual_scale", 1),
      logits_scaling: multiplier(keys, "logit_scale", 1),
    }),
  },
  {
    name: "gpt-oss",
    huggingFaceClass: "GptOssForCausalLM", modelType: "gpt_oss",
    layout: {
      sinks: true,
      experts: true,
      attentionBias: always([...inputs, "attentionOutput"]),
      mlpBias: always(["expertRouter", "expertGate", "expertUp", "expertDown"]),
      names: { mlpNorm: "post_attention_norm" },
    },
    keys: [...expertKeys, ...windowKeys],
    config: (keys, common) => ({
      ...experts(keys),
      ...slidingLayers(keys, common.num_hidden_layers, { every: 2, window: 128 }),
      intermediate_size: keys.positive("expert_feed_forward_length"),
      // Files have no key for it; all models of the family leave the bounds of YaRN's ramp as they are.
      ...(common.rope_parameters["rope_type"] === "yarn" ? { rope_parameters: { ...common.rope_parameters, truncate: false } } : {}),
    }),
  },
  {
    name: "glm4",
    huggingFaceClass: "Glm4ForCausalLM", modelType: "glm4",
    partialRotation: true,
    layout: { norms: "both", fused: ["gateUp"], attentionBias: optional(inputs) },
  },
  {
    name: "exaone4",
    huggingFaceClass: "Exaone4ForCausalLM", modelType: "exaone4",
    layout: { norms: "after", queryKeyNorm: true },
    keys: windowKeys,
    config: (keys, common) => slidingLayers(keys, common.num_hidden_layers, { every: 4 }),
  },
  {
    name: "seed_oss",
    huggingFaceClass: "SeedOssForCausalLM", modelType: "seed_oss",
    layout: { attentionBias: optional(inputs), names: { mlpNorm: "post_attention_norm" } },
  },
  {
    name: "cohere2",
    huggingFaceClass: "Cohere2ForCausalLM", modelType: "cohere2",
    layout: { norms: "parallel", attentionBias },
    keys: [...windowKeys, "logit_scale", "attention.layer_norm_epsilon"],
    config: (keys, common) => ({
      ...slidingLayers(keys, common.num_hidden_layers, { every: 4 }),
      layer_norm_eps: keys.float("attention.layer_norm_epsilon"),
      logit_scale: multiplier(keys, "logit_scale", 1),
    }),
  },
  {
    name: "nemotron",
    huggingFaceClass: "NemotronForCausalLM", modelType: "nemotron",
    partialRotation: true,
    layout: { gated: false, gainIncludesOne: true, normBias: true, attentionBias, mlpBias: optional(["up", "down"]) },
    keys: ["attention.layer_norm_epsilon"],
    config: (keys) => ({ hidden_act: "relu2", norm_eps: keys.float("attention.layer_norm_epsilon") }),
  },
];

/** The names of all. */
export const ggufArchitectureNames: readonly string[] = [...new Set(architectures.map(({ name }) => name))];

/** That of a name, with experts or without; undefined where there is none. */
export function findGgufArchitecture(name: string, hasExperts: boolean): GgufArchitecture | undefined {
  return architectures.find((each) => each.name === name && (each.layout.experts ?? false) === hasExperts);
}

/** That which models of a class are written as; undefined where there is none. */
export function ggufArchitectureOf(huggingFaceClass: string): GgufArchitecture | undefined {
  return architectures.find((each) => each.huggingFaceClass === huggingFaceClass || each.alsoClasses?.includes(huggingFaceClass) === true);
}

/** The classes that can be written. */
export function writtenClasses(): readonly string[] {
  return architectures.flatMap(({ huggingFaceClass, alsoClasses = [] }) => [huggingFaceClass, ...alsoClasses]);
}

function experts(keys: ArchitectureKeys): ConfigValues {
  return { num_local_experts: keys.positive("expert_count"), num_experts_per_tok: keys.positive("expert_used_count") };
}

/**
 * @param largest layers of the largest model, which scales its scores by its heads' share of the hidden size instead of their
 *   size: files have no key for it
 */
function gemmaConfig({ hidden_size, num_hidden_layers, num_attention_heads, head_dim }: CommonConfig, largest: number): ConfigValues {
  return {
    hidden_act: undefined,
    hidden_activation: "gelu_pytorch_tanh",
    query_pre_attn_scalar: num_hidden_layers === largest ? Math.floor(hidden_size / num_attention_heads) : head_dim,
  };
}

/** 0 stands for none. */
function softCap(keys: ArchitectureKeys, key: string, usual: number): number | null {
  const cap = keys.float(key, usual);
  return cap === 0 ? null : cap;
}

/** 0 stands for the usual one. */
function multiplier(keys: ArchitectureKeys, key: string, usual: number): number {
  const value = keys.float(key, 0);
  return value === 0 ? usual : value;
}
