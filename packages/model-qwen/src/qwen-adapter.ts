import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig, registerModelAdapter, usesWindows } from "@elastic-attention/transformer";

/** Which layers slide where `layer_types` does not say: those from `max_window_layers` on. @throws ModelConfigError */
function slidingLayers(config: ModelConfig): (layer: number) => boolean {
  const firstSliding = config.number("max_window_layers", 28);
  const slides = usesWindows(config);
  return (layer) => slides && layer >= firstSliding;
}

/** Qwen2 and Qwen2.5: biases on query, key and value. */
export const qwen2Adapter: ModelAdapter = {
  name: "qwen2",
  architectures: ["Qwen2ForCausalLM"],
  matches: (config) => config.architecture === "Qwen2ForCausalLM",
  spec: (config) => huggingFaceSpec(config, { queryKeyValueBias: true, isSliding: slidingLayers(config) }),
  weightName: huggingFaceWeightName,
};

const qwen3Architectures = ["Qwen3ForCausalLM", "PawQwen3ForCausalLM"];

/** Qwen3 (norms on query and key heads) and the published elastic layout over it. */
export const qwen3Adapter: ModelAdapter = {
  name: "qwen3",
  architectures: qwen3Architectures,
  matches: (config) => qwen3Architectures.includes(config.architecture),
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    const biases = { queryKeyValueBias: attentionBias, attentionOutputBias: attentionBias };
    return huggingFaceSpec(config, { ...biases, queryKeyNorm: "head", isSliding: slidingLayers(config) });
  },
  weightName: huggingFaceWeightName,
};

/** Makes Qwen checkpoints known to the model loader. */
export function registerQwen(): void {
  registerModelAdapter(qwen2Adapter);
  registerModelAdapter(qwen3Adapter);
}
