import { type FeedForwardSpec, huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig } from "@elastic-attention/transformer";

/** Qwen3 with experts in all layers, or in some. */
export const qwen3MoeAdapter: ModelAdapter = {
  name: "qwen3-moe",
  architectures: ["Qwen3MoeForCausalLM"],
  matches: (config) => config.architecture === "Qwen3MoeForCausalLM",
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    return huggingFaceSpec(config, {
      queryKeyNorm: "head",
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      feedForward: feedForwardOf(config),
      ...windows(config),
    });
  },
  weightName: huggingFaceWeightName,
};

/** A window counts only where it is switched on; the published code then gives it to every layer. */
function windows(config: ModelConfig) {
  if (config.boolean("use_sliding_window", false)) return { isSliding: () => config.has("sliding_window") };
  config.disregard("sliding_window", "max_window_layers");
  return {};
}

function feedForwardOf(config: ModelConfig): (layer: number) => FeedForwardSpec {
  // It matters while the experts are trained alone.
  config.disregard("router_aux_loss_coef", "output_router_logits");
  const shape = { activation: config.choice("hidden_act", ["silu"], "silu"), gated: true, bias: false } as const;
  const step = config.count("decoder_sparse_step", 1);
  const dense = config.has("mlp_only_layers") ? config.numbers("mlp_only_layers") : [];
  const intermediateSize = config.count("intermediate_size", 6144);
  const experts = {
    kind: "experts",
    ...shape,
    intermediateSize: config.count("moe_intermediate_size", 768),
    numExperts: config.count(config.has("num_experts") ? "num_experts" : "num_local_experts", 128),
    expertsPerToken: config.count("num_experts_per_tok", 8),
    normalizeChosen: config.boolean("norm_topk_prob", false),
    routerBias: false,
  } as const;
  return (layer) => (dense.includes(layer) || (layer + 1) % step !== 0 ? { kind: "dense", ...shape, intermediateSize } : experts);
}
