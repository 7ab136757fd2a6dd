import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig, type ModelSpec } from "@elastic-attention/transformer";

/** GLM-4 (0414): norms on both sides of the parts, neighbours rotated in the first half of each head. */
export const glm4Adapter: ModelAdapter = {
  name: "glm4",
  architectures: ["Glm4ForCausalLM"],
  fused: ["gateUp"],
  matches: (config) => config.architecture === "Glm4ForCausalLM",
  spec: (config) => glmSpec(config, "both"),
  weightName: huggingFaceWeightName,
};

/** GLM-4 of 2024 (glm-4-9b-chat-hf): the same without norms behind the parts. */
export const glmAdapter: ModelAdapter = {
  name: "glm",
  architectures: ["GlmForCausalLM"],
  fused: ["gateUp"],
  matches: (config) => config.architecture === "GlmForCausalLM",
  spec: (config) => glmSpec(config, "before"),
  weightName: huggingFaceWeightName,
};

function glmSpec(config: ModelConfig, normPlaces: ModelSpec["normPlaces"]): ModelSpec {
  return huggingFaceSpec(config, {
    normPlaces,
    queryKeyValueBias: config.boolean("attention_bias", false),
    norm: { epsilon: config.number("rms_norm_eps", 0.00000015625) },
    rope: { pairs: "neighbours", partialFactor: 0.5 },
    headDim: 128,
  });
}
