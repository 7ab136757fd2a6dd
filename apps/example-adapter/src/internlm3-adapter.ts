import {
  huggingFaceSpec,
  huggingFaceWeightName,
  type ModelAdapter,
  registerModelAdapter,
} from "@elastic-attention/transformer";

/** InternLM3: Llama's layer, with biases that two keys of its config switch on. */
export const internLm3Adapter: ModelAdapter = {
  name: "internlm3",
  architectures: ["InternLM3ForCausalLM"],
  matches: (config) => config.architecture === "InternLM3ForCausalLM",
  spec(config) {
    const bias = config.boolean("bias", false);
    return huggingFaceSpec(config, { queryKeyValueBias: config.boolean("qkv_bias", false), attentionOutputBias: bias, mlpBias: bias });
  },
  weightName: huggingFaceWeightName,
};

/** Makes InternLM3 checkpoints known to the model loader. */
export function registerInternLm3(): void {
  registerModelAdapter(internLm3Adapter);
}
