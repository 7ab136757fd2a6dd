import type { ModelConfig } from "@elastic-attention/transformer";

/** Keys of the other parts of a model of images and text, and of how they are joined: the text model computes without them. */
const otherParts = [
  "vision_config", "mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index", "boi_token_id", "eoi_token_id", "image_token_id",
  "multimodal_projector_bias", "projector_hidden_act", "spatial_merge_size", "vision_feature_layer",
];

/** Keys that such files may have outside, for all parts. */
const outerKeys = ["dtype", "torch_dtype", "bos_token_id", "eos_token_id", "tie_word_embeddings"];

/**
 * The config of the text model within one of images and text, of which it alone is read.
 *
 * @param classDefaults what the class assumes of it where the file leaves it out, its `architectures` among them
 * @throws ModelConfigError
 */
export function textModel(config: ModelConfig, classDefaults: Readonly<Record<string, unknown>>): ModelConfig {
  const outer = Object.fromEntries(outerKeys.filter((key) => config.has(key)).map((key) => [key, config.value(key)]));
  const text = config.section("text_config", { ...classDefaults, ...outer });
  if (text === undefined) throw config.error("text_config", "an object");
  config.disregard(...otherParts);
  return text;
}
