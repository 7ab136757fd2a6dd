import {
  huggingFaceSpec,
  huggingFaceWeightName,
  type ModelAdapter,
  registerModelAdapter,
} from "@elastic-attention/transformer";

/** Mistral 7B v0.3 and other checkpoints of the architecture that attend to the whole context. */
export const mistralAdapter: ModelAdapter = {
  name: "mistral",
  architectures: ["MistralForCausalLM"],
  matches: (config) => config.architecture === "MistralForCausalLM",
  spec(config) {
    // A sliding window would be a mode of every layer, not of a head that a router chose: refused, not ignored.
    if (config.has("sliding_window") && config.count("sliding_window") < config.count("max_position_embeddings")) {
      throw config.error("sliding_window", "null: windows of whole layers are not supported");
    }
    return huggingFaceSpec(config);
  },
  weightName: huggingFaceWeightName,
};

/** Makes Mistral checkpoints known to the model loader. */
export function registerMistral(): void {
  registerModelAdapter(mistralAdapter);
}
