import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig, originalLength } from "@elastic-attention/transformer";

/** Mistral 7B and what followed it: every layer has the window, unless the file says null. */
export const mistralAdapter: ModelAdapter = {
  name: "mistral",
  architectures: ["MistralForCausalLM"],
  matches: (config) => config.architecture === "MistralForCausalLM",
  spec: (config) => huggingFaceSpec(config, windows(config, 4096)),
  weightName: huggingFaceWeightName,
};

/** Ministral: windows in the layers that `layer_types` names. */
export const ministralAdapter: ModelAdapter = {
  name: "ministral",
  architectures: ["MinistralForCausalLM"],
  matches: (config) => config.architecture === "MinistralForCausalLM",
  spec: (config) => huggingFaceSpec(config, windows(config, 4096)),
  weightName: huggingFaceWeightName,
};

/** Ministral 3: queries are scaled by their position beyond the length that it was trained on first. */
export const ministral3Adapter: ModelAdapter = {
  name: "ministral3",
  architectures: ["Ministral3ForCausalLM"],
  matches: (config) => config.architecture === "Ministral3ForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      ...windows(config, undefined),
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
      rope: { theta: 1_000_000 },
      queryScaling: queryScaling(config),
    }),
  weightName: huggingFaceWeightName,
};

/** @param usual the window where the file does not say; null is none */
function windows(config: ModelConfig, usual: number | undefined) {
  const window = config.numberOrNull("sliding_window", usual);
  return { isSliding: () => window !== undefined, ...(window === undefined ? {} : { window }) };
}

/** The factor's keys stand among those of the rotation. */
function queryScaling(config: ModelConfig) {
  const section = config.section("rope_parameters") ?? config.section("rope_scaling");
  const beta = section?.number("llama_4_scaling_beta", 0) ?? 0;
  if (beta === 0) return undefined;
  return { beta, originalContextLength: originalLength(config, section!) };
}
