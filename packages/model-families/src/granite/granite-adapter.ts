import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter } from "@elastic-attention/transformer";

/** Granite 3: a Llama with four multipliers. */
export const graniteAdapter: ModelAdapter = {
  name: "granite",
  architectures: ["GraniteForCausalLM"],
  matches: (config) => config.architecture === "GraniteForCausalLM",
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    const logitsScaling = config.number("logits_scaling", 1);
    if (logitsScaling === 0) throw config.error("logits_scaling", "a number to divide by");
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      mlpBias: config.boolean("mlp_bias", false),
      attentionScale: config.number("attention_multiplier", 1),
      embeddingScale: config.number("embedding_multiplier", 1),
      residualScale: config.number("residual_multiplier", 1),
      logitsScale: 1 / logitsScaling,
    });
  },
  weightName: huggingFaceWeightName,
};
