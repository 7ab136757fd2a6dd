import { feedForwardNormNames, huggingFaceNames, huggingFaceSpec, type ModelAdapter } from "@elastic-attention/transformer";

/** OLMo 2: norms behind the parts, and of queries and keys over all heads at once. */
export const olmo2Adapter: ModelAdapter = {
  name: "olmo2",
  architectures: ["Olmo2ForCausalLM"],
  matches: (config) => config.architecture === "Olmo2ForCausalLM",
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      queryKeyNorm: "projection",
      normPlaces: "after",
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
    });
  },
  weightName: huggingFaceNames(feedForwardNormNames),
};
