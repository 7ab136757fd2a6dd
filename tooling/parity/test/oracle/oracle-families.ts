import { oracleAngles } from "./oracle-angles.js";
import type { OracleConfig, OracleExperts, OracleModel, OracleNorms } from "./oracle-model.js";

const before: OracleNorms = { beforeAttention: "input_layernorm", beforeMlp: "post_attention_layernorm", afterAttention: undefined, afterMlp: undefined };
const after: OracleNorms = { beforeAttention: undefined, beforeMlp: undefined, afterAttention: "post_attention_layernorm", afterMlp: "post_feedforward_layernorm" };
const gemma: OracleNorms = { ...after, beforeAttention: "input_layernorm", beforeMlp: "pre_feedforward_layernorm" };
const glm4: OracleNorms = { ...before, afterAttention: "post_self_attn_layernorm", afterMlp: "post_mlp_layernorm" };

const activations: Readonly<Record<string, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu_pytorch_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu2: (x) => Math.max(x, 0) ** 2,
};

/** The model that a config of transformers 5 describes. */
export function oracleModel(config: OracleConfig): OracleModel {
  const number = (key: string, fallback?: number) => (config[key] ?? fallback) as number;
  const type = config["model_type"] as string;
  const [hidden, heads] = [number("hidden_size"), number("num_attention_heads")];
  const headDim = number("head_dim", hidden / heads);
  const types = config["layer_types"] as string[] | undefined;
  const ropes = config["rope_parameters"] as OracleConfig;
  const nested = ropes["full_attention"] as OracleConfig | undefined;
  const one = nested ?? ropes;
  const rotated = headDim * ((one["partial_rotary_factor"] ?? config["partial_rotary_factor"] ?? 1) as number);
  const slides = (layer: number) => (types === undefined ? ["mistral", "phi3"].includes(type) : types[layer] === "sliding_attention");
  const hasRope = (layer: number): boolean => {
    if (type === "smollm3") return (config["no_rope_layers"] as number[])[layer] === 1;
    return !["cohere2", "exaone4"].includes(type) || slides(layer);
  };
  const beta = (ropes["llama_4_scaling_beta"] ?? 0) as number;
  const original = ropes["original_max_position_embeddings"] as number;
  const isGemma = type.startsWith("gemma");
  return {
    hidden,
    heads,
    keyValueHeads: number("num_key_value_heads", heads),
    headDim,
    layers: number("num_hidden_layers"),
    norm: ["cohere2", "nemotron"].includes(type) ? "layer" : "rms",
    gainOffset: isGemma || type === "nemotron" ? 1 : 0,
    epsilon: number("rms_norm_eps", number("layer_norm_eps", number("norm_eps"))),
    norms: isGemma ? gemma : type === "glm4" ? glm4 : ["olmo2", "exaone4"].includes(type) ? after : before,
    queryKeyNorm: type === "olmo2" ? "projection" : ["qwen3", "qwen3_moe", "gemma3_text", "exaone4"].includes(type) ? "head" : "none",
    fusedQueryKeyValue: type === "phi3",
    fusedGateUp: ["phi3", "glm4", "glm"].includes(type),
    gated: type !== "nemotron",
    activation: activations[(config["hidden_activation"] ?? config["hidden_act"]) as string]!,
    experts: oracleExperts(type, config),
    parallel: type === "cohere2",
    neighbours: ["cohere2", "glm4", "glm"].includes(type),
    rotated,
    angles: (layer, length) => (hasRope(layer) ? oracleAngles((ropes[types?.[layer] ?? ""] as OracleConfig | undefined) ?? ropes, config, rotated, length) : undefined),
    window: (layer) => (slides(layer) ? number("sliding_window", Infinity) : Infinity),
    scale: type === "granite" ? number("attention_multiplier") : isGemma ? number("query_pre_attn_scalar") ** -0.5 : headDim ** -0.5,
    attentionCap: (config["attn_logit_softcapping"] ?? undefined) as number | undefined,
    sinks: type === "gpt_oss",
    queryFactor: (position) => (beta === 0 ? 1 : 1 + beta * Math.log(1 + Math.floor(position / original))),
    embeddingScale: isGemma ? Math.sqrt(hidden) : number("embedding_multiplier", 1),
    residualScale: number("residual_multiplier", 1),
    logitsScale: number("logit_scale", 1) / number("logits_scaling", 1),
    logitsCap: (config["final_logit_softcapping"] ?? undefined) as number | undefined,
  };
}

function oracleExperts(type: string, config: OracleConfig): OracleExperts | undefined {
  const layout = ({ mixtral: "mixtral", qwen3_moe: "qwen", gpt_oss: "gpt-oss" } as const)[type];
  if (layout === undefined) return undefined;
  const count = (config["num_local_experts"] ?? config["num_experts"]) as number;
  return { count, chosen: config["num_experts_per_tok"] as number, normalized: type !== "qwen3_moe" || config["norm_topk_prob"] === true, layout };
}
