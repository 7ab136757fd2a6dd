import { huggingFaceNames, huggingFaceSpec, type ModelAdapter, type ModelConfig } from "@elastic-attention/transformer";

/** Mixtral: Mistral with experts, two of eight for each token. */
export const mixtralAdapter: ModelAdapter = {
  name: "mixtral",
  architectures: ["MixtralForCausalLM"],
  matches: (config) => config.architecture === "MixtralForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      feedForward: () => experts(config),
      isSliding: () => config.has("sliding_window"),
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
      rope: { theta: 1_000_000 },
    }),
  weightName: huggingFaceNames({
    expertRouter: "block_sparse_moe.gate.weight",
    expertGate: "block_sparse_moe.experts.{expert}.w1.weight",
    expertUp: "block_sparse_moe.experts.{expert}.w3.weight",
    expertDown: "block_sparse_moe.experts.{expert}.w2.weight",
  }),
};

function experts(config: ModelConfig) {
  // They matter while the experts are trained alone.
  config.disregard("router_jitter_noise", "router_aux_loss_coef", "output_router_logits");
  return {
    kind: "experts",
    intermediateSize: config.count("intermediate_size"),
    activation: config.choice("hidden_act", ["silu"], "silu"),
    gated: true,
    bias: false,
    numExperts: config.count("num_local_experts", 8),
    expertsPerToken: config.count("num_experts_per_tok", 2),
    normalizeChosen: true,
    routerBias: false,
  } as const;
}
