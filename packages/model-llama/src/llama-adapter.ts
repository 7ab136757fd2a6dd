import {
  huggingFaceSpec,
  huggingFaceWeightName,
  type ModelAdapter,
  type ModelConfig,
  registerModelAdapter,
} from "@elastic-attention/transformer";

const architectures = ["LlamaForCausalLM", "PawLlamaForCausalLM"];

/** Llama 2, 3, 3.1, 3.2 and the published elastic layout over them. */
export const llamaAdapter: ModelAdapter = {
  name: "llama",
  architectures,
  matches: (config: ModelConfig) => architectures.includes(config.architecture),
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    const mlpBias = config.boolean("mlp_bias", false);
    return huggingFaceSpec(config, { queryKeyValueBias: attentionBias, attentionOutputBias: attentionBias, mlpBias });
  },
  weightName: huggingFaceWeightName,
};

/** Makes Llama checkpoints known to the model loader. */
export function registerLlama(): void {
  registerModelAdapter(llamaAdapter);
}
