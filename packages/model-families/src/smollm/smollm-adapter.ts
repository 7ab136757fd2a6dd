import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig, usesWindows } from "@elastic-attention/transformer";

/** SmolLM3: some layers have no positions. (SmolLM2 is a Llama.) */
export const smollm3Adapter: ModelAdapter = {
  name: "smollm3",
  architectures: ["SmolLM3ForCausalLM"],
  matches: (config) => config.architecture === "SmolLM3ForCausalLM",
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    const hasRope = ropeLayers(config);
    const slides = usesWindows(config);
    return huggingFaceSpec(config, {
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      mlpBias: config.boolean("mlp_bias", false),
      rope: { theta: 2_000_000 },
      hasRope,
      isSliding: (layer) => slides && !hasRope(layer),
      tiedEmbeddings: true,
    });
  },
  weightName: huggingFaceWeightName,
};

/** `no_rope_layers` has 1 for a layer with positions; without it every fourth has none. @throws ModelConfigError */
function ropeLayers(config: ModelConfig): (layer: number) => boolean {
  const interval = config.count("no_rope_layer_interval", 4);
  if (!config.has("no_rope_layers")) return (layer) => (layer + 1) % interval !== 0;
  const flags = config.numbers("no_rope_layers");
  const numLayers = config.count("num_hidden_layers");
  if (flags.length !== numLayers || !flags.every((flag) => flag === 0 || flag === 1)) {
    throw config.error("no_rope_layers", `a list of ${numLayers} numbers, each 0 or 1`);
  }
  return (layer) => flags[layer] === 1;
}
