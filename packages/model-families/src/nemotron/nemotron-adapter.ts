import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter } from "@elastic-attention/transformer";

/** Nemotron (Minitron): LayerNorm with a gain from 1, an MLP without a gate, rotation of a part of each head. */
export const nemotronAdapter: ModelAdapter = {
  name: "nemotron",
  architectures: ["NemotronForCausalLM"],
  matches: (config) => config.architecture === "NemotronForCausalLM",
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      mlpBias: config.boolean("mlp_bias", false),
      gated: false,
      activation: "relu2",
      norm: { kind: "layer", gainFromOne: true, bias: true, epsilon: config.number("norm_eps", 1e-5) },
      rope: { partialFactor: 0.5 },
    });
  },
  weightName: huggingFaceWeightName,
};
