import { huggingFaceSpec, huggingFaceWeightName, registerModelAdapter } from "@elastic-attention/transformer";

/** Makes Qwen3 checkpoints known: the packages with the model families come later in the order of imports. */
registerModelAdapter({
  name: "qwen3",
  architectures: ["Qwen3ForCausalLM", "PawQwen3ForCausalLM"],
  matches: (config) => config.architecture.endsWith("Qwen3ForCausalLM"),
  spec: (config) =>
    huggingFaceSpec(config, { queryKeyNorm: "head" }),
  weightName: huggingFaceWeightName,
});
