import {
  feedForwardNormNames,
  type FamilyTraits,
  huggingFaceNames,
  huggingFaceSpec,
  type ModelAdapter,
  type ModelConfig,
} from "@elastic-attention/transformer";

const weightName = huggingFaceNames(feedForwardNormNames);

/** Gemma 2: soft caps, and every second layer with a window. */
export const gemma2Adapter: ModelAdapter = {
  name: "gemma2",
  architectures: ["Gemma2ForCausalLM"],
  matches: (config) => config.architecture === "Gemma2ForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      ...gemmaTraits(config),
      attentionSoftCap: config.numberOrNull("attn_logit_softcapping", 50),
      logitsSoftCap: config.numberOrNull("final_logit_softcapping", 30),
      isSliding: (layer) => layer % 2 === 0,
    }),
  weightName,
};

/** Gemma 3, text: norms of queries and keys, five layers with a window to one without, and a rotation for each kind. */
export const gemma3Adapter: ModelAdapter = {
  name: "gemma3",
  architectures: ["Gemma3ForCausalLM"],
  matches: (config) => config.architecture === "Gemma3ForCausalLM",
  spec: (config) => {
    // The published files have it under either name; it counts only where `layer_types` is missing.
    const pattern = config.count("sliding_window_pattern", config.count("_sliding_window_pattern", 6));
    return huggingFaceSpec(config, {
      ...gemmaTraits(config),
      queryKeyNorm: "head",
      attentionSoftCap: config.numberOrNull("attn_logit_softcapping", undefined),
      logitsSoftCap: config.numberOrNull("final_logit_softcapping", undefined),
      isSliding: (layer) => (layer + 1) % pattern !== 0,
      rope: { theta: 1_000_000, sliding: { key: "rope_local_base_freq", theta: 10_000 } },
    });
  },
  weightName,
};

/** What both have: gains from 1, norms on both sides of the parts, scaled embeddings and a scale of the scores of its own. */
function gemmaTraits(config: ModelConfig): FamilyTraits {
  const attentionBias = config.boolean("attention_bias", false);
  // Early files say gelu there and mean its approximation.
  config.disregard("hidden_act");
  return {
    norm: { gainFromOne: true },
    normPlaces: "both",
    queryKeyValueBias: attentionBias,
    attentionOutputBias: attentionBias,
    attentionScale: config.number("query_pre_attn_scalar", 256) ** -0.5,
    embeddingScale: Math.sqrt(config.count("hidden_size")),
    activationKey: "hidden_activation",
    activation: "gelu_pytorch_tanh",
    window: 4096,
    headDim: 256,
    tiedEmbeddings: true,
  };
}
