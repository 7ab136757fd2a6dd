import { huggingFaceNames, huggingFaceSpec, type ModelAdapter, type ModelConfig } from "@elastic-attention/transformer";

/** gpt-oss: sinks, windows in every second layer, and experts with clamped gates, as floats or in MXFP4. */
export const gptOssAdapter: ModelAdapter = {
  name: "gpt-oss",
  architectures: ["GptOssForCausalLM"],
  expertLayout: "joined",
  matches: (config) => config.architecture === "GptOssForCausalLM",
  spec: (config) => {
    readQuantisation(config);
    const attentionBias = config.boolean("attention_bias", true);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      attentionSinks: true,
      feedForward: () => experts(config),
      isSliding: (layer) => layer % 2 === 0,
      window: 128,
      headDim: 64,
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
      rope: { theta: 150_000 },
    });
  },
  weightName: huggingFaceNames({
    expertRouter: "mlp.router.weight",
    expertGateUp: "mlp.experts.gate_up_proj",
    expertDown: "mlp.experts.down_proj",
  }),
};

/** The experts' tensors say themselves how they are kept. @throws ModelConfigError for another method */
function readQuantisation(config: ModelConfig): void {
  const section = config.section("quantization_config");
  if (section === undefined) return;
  section.choice("quant_method", ["mxfp4"]);
  section.disregard("modules_to_not_convert");
}

function experts(config: ModelConfig) {
  // The first matters while the experts are trained alone, the others say again what other keys say.
  config.disregard("router_aux_loss_coef", "output_router_logits", "experts_per_token", "initial_context_length");
  config.choice("hidden_act", ["silu"], "silu");
  return {
    kind: "experts",
    intermediateSize: config.count("intermediate_size"),
    activation: { kind: "clampedSwiglu", alpha: config.number("swiglu_alpha", 1.702), limit: config.number("swiglu_limit", 7) },
    gated: true,
    bias: true,
    numExperts: config.count(config.has("num_local_experts") ? "num_local_experts" : "num_experts", 128),
    expertsPerToken: config.count("num_experts_per_tok", 4),
    normalizeChosen: true,
    routerBias: true,
  } as const;
}
