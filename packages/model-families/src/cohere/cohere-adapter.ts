import { huggingFaceSpec, huggingFaceWeightName, type ModelAdapter, type ModelConfig } from "@elastic-attention/transformer";

/** Cohere 2 (Command R7B, Command A): both parts from one LayerNorm, side by side; positions only where layers slide. */
export const cohere2Adapter: ModelAdapter = {
  name: "cohere2",
  architectures: ["Cohere2ForCausalLM"],
  matches: (config) => config.architecture === "Cohere2ForCausalLM",
  spec: (config) => {
    const attentionBias = config.boolean("attention_bias", false);
    const pattern = config.count("sliding_window_pattern", config.count("_sliding_window_pattern", 4));
    describedElsewhere(config);
    return huggingFaceSpec(config, {
      parallelParts: true,
      queryKeyValueBias: attentionBias,
      attentionOutputBias: attentionBias,
      norm: { kind: "layer", epsilon: config.number("layer_norm_eps", 1e-5) },
      rope: { pairs: "neighbours" },
      hasRope: (_layer, type) => type === "sliding_attention",
      isSliding: (layer) => (layer + 1) % pattern !== 0,
      window: 4096,
      logitsScale: config.number("logit_scale", 0.0625),
      tiedEmbeddings: true,
    });
  },
  weightName: huggingFaceWeightName,
};

/** Published files say again, in words of their own, what the architecture does; another value would be another model. @throws ModelConfigError */
function describedElsewhere(config: ModelConfig): void {
  const described: Readonly<Record<string, string | number | boolean>> = {
    position_embedding_type: "rope_gptj",
    order_of_interleaved_layers: "local_attn_first",
    rotary_pct: 1,
    use_embedding_sharing: true,
    use_gated_activation: true,
    use_parallel_block: true,
    use_qk_norm: false,
  };
  for (const [key, expected] of Object.entries(described)) {
    if (config.has(key) && config.value(key) !== expected) throw config.error(key, JSON.stringify(expected));
  }
  // How layers alternate is read from layer_types or sliding_window_pattern, as transformers does; how the table was spread
  // over devices in training changes nothing.
  config.disregard("layer_switch", "use_parallel_embedding");
}
