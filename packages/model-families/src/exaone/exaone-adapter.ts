import { feedForwardNormNames, huggingFaceNames, huggingFaceSpec, type ModelAdapter, type ModelConfig } from "@elastic-attention/transformer";

/** EXAONE 4: norms behind the parts, norms of queries and keys by head; where layers slide, those that do not have no positions. */
export const exaone4Adapter: ModelAdapter = {
  name: "exaone4",
  architectures: ["Exaone4ForCausalLM"],
  matches: (config) => config.architecture === "Exaone4ForCausalLM",
  spec: (config) => {
    const pattern = slidingPattern(config);
    const window = config.numberOrNull("sliding_window", 4096);
    const slides = window !== undefined;
    return huggingFaceSpec(config, {
      queryKeyNorm: "head",
      normPlaces: "after",
      norm: { epsilon: config.number("rms_norm_eps", 1e-5) },
      isSliding: (layer) => slides && pattern(layer),
      ...(slides ? { window } : {}),
      hasRope: (_layer, type) => !slides || type === "sliding_attention",
    });
  },
  weightName: huggingFaceNames(feedForwardNormNames),
};

/** "LLLG" (local and global layers in turn), or after how many layers a global one comes. @throws ModelConfigError */
function slidingPattern(config: ModelConfig): (layer: number) => boolean {
  const key = "sliding_window_pattern";
  if (typeof config.value(key) !== "string") {
    const every = config.has(key) ? config.count(key) : 4;
    return (layer) => (layer + 1) % every !== 0;
  }
  const pattern = config.string(key);
  if (!/^[LG]+$/.test(pattern)) throw config.error(key, 'a number, or letters L and G');
  return (layer) => pattern[layer % pattern.length] === "L";
}
