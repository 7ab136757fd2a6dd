import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter } from "@elastic-attention/transformer";

/** Seed-OSS: biases of queries, keys and values. */
export const seedOssAdapter: ModelAdapter = {
  name: "seed-oss",
  architectures: ["SeedOssForCausalLM"],
  matches: (config) => config.architecture === "SeedOssForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      queryKeyValueBias: config.boolean("attention_bias", true),
      attentionOutputBias: config.boolean("attention_out_bias", false),
      mlpBias: config.boolean("mlp_bias", false),
      headDim: 128,
    }),
  weightName: huggingFaceWeightName,
};
