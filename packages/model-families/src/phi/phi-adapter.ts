import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter } from "@elastic-attention/transformer";

/** Phi-3, Phi-3.5 and Phi-4 (mini): fused projections, windows, rotation of a part of each head, longrope. */
export const phi3Adapter: ModelAdapter = {
  name: "phi3",
  architectures: ["Phi3ForCausalLM"],
  fused: ["queryKeyValue", "gateUp"],
  matches: (config) => config.architecture === "Phi3ForCausalLM",
  spec: (config) =>
    huggingFaceSpec(config, {
      isSliding: () => config.has("sliding_window"),
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
      rope: { partialFactor: 1 },
    }),
  weightName: huggingFaceWeightName,
};
