import {
  huggingFaceSpec,
  huggingFaceWeightName,
  type ModelAdapter,
  registerModelAdapter,
} from "@elastic-attention/transformer";

/** Qwen2 and Qwen2.5: biases on query, key and value. */
export const qwen2Adapter: ModelAdapter = {
  name: "qwen2",
  architectures: ["Qwen2ForCausalLM"],
  matches: (config) => config.architecture === "Qwen2ForCausalLM",
  spec: (config) => {
    if (config.boolean("use_sliding_window", false)) {
      throw config.error("use_sliding_window", "false (sliding-window layers are not supported)");
    }
    return huggingFaceSpec(config, {
      queryKeyValueBias: true,
      attentionOutputBias: false,
      mlpBias: false,
      queryKeyNorm: false,
    });
  },
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
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      mlpBias: false,
      queryKeyNorm: true,
    });
  },
  weightName: huggingFaceWeightName,
};

/** Makes Qwen checkpoints known to the model loader. */
export function registerQwen(): void {
  registerModelAdapter(qwen2Adapter);
  registerModelAdapter(qwen3Adapter);
}
