import type { ModelConfig } from "./model-config.js";

/** What a layer attends to, as config.json names it. */
export type LayerType = "full_attention" | "sliding_attention";

const layerTypes: readonly LayerType[] = ["full_attention", "sliding_attention"];

/**
 * The type of every layer: `layer_types` decides where the file has it, `isSliding` where not.
 * @throws ModelConfigError for other types, and for a list of another length
 */
export function readLayerTypes(config: ModelConfig, isSliding: (layer: number) => boolean): readonly LayerType[] {
  const numLayers = config.count("num_hidden_layers");
  if (!config.has("layer_types")) {
    return Array.from({ length: numLayers }, (_, layer) => (isSliding(layer) ? "sliding_attention" : "full_attention"));
  }
  const types = config.choices("layer_types", layerTypes);
  if (types.length !== numLayers) throw config.error("layer_types", `a list of ${numLayers}, one for each layer`);
  return types;
}

/** The window of every layer, in tokens; undefined where a layer sees everything. @throws ModelConfigError */
export function layerWindows(config: ModelConfig, types: readonly LayerType[], fallback?: number): readonly (number | undefined)[] {
  const given = config.has("sliding_window") || fallback !== undefined;
  const window = given ? config.count("sliding_window", fallback) : undefined;
  return types.map((type) => {
    if (type === "full_attention") return undefined;
    if (window === undefined) throw config.error("sliding_window", "a number of tokens, as layers slide");
    return window;
  });
}
