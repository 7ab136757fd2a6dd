import {
  feedForwardNormNames,
  type FamilyTraits,
  huggingFaceNames,
  huggingFaceSpec,
  type ModelAdapter,
  type ModelConfig,
  type ModelSpec,
} from "@elastic-attention/transformer";
import { textModel } from "../image-text/text-model.js";

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
  spec: gemma3Spec,
  weightName,
};

/** What the class assumes of the text model within a model of images and text, whose files leave out what is usual. */
const textDefaults = {
  architectures: ["Gemma3ForCausalLM"],
  vocab_size: 262_208,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 131_072,
};

/** Gemma 3 of images and text (4B and above), of which the text model alone is read. */
export const gemma3ImageTextAdapter: ModelAdapter = {
  name: "gemma3-image-text",
  architectures: ["Gemma3ForConditionalGeneration"],
  matches: (config) => config.architecture === "Gemma3ForConditionalGeneration",
  spec: (config) => ({ ...gemma3Spec(textModel(config, textDefaults)), architecture: config.architecture }),
  weightName: (...role) => `language_model.${weightName(...role)}`,
};

function gemma3Spec(config: ModelConfig): ModelSpec {
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
}

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
