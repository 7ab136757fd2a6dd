import type { ModelConfig } from "./model-config.js";

/** What a layer attends to, as config.json names it. */
export type LayerType = "full_attention" | "sliding_attention";

export const layerTypes: readonly LayerType[] = ["full_attention", "sliding_attention"];

/**
 * The type of every layer: `layer_types` decides where the file has it, `isSliding` where not. Without `isSliding` the family
 * has no windows, and the key is not read.
 * @throws ModelConfigError for other types, and for a list of another length
 */
export function readLayerTypes(config: ModelConfig, isSliding: ((layer: number) => boolean) | undefined): readonly LayerType[] {
  const numLayers = config.count("num_hidden_layers");
  if (isSliding === undefined || !config.has("layer_types")) {
    return Array.from({ length: numLayers }, (_, layer) => (isSliding?.(layer) === true ? "sliding_attention" : "full_attention"));
  }
  const types = config.choices("layer_types", layerTypes);
  if (types.length !== numLayers) throw config.error("layer_types", `a list of ${numLayers}, one for each layer`);
  return types;
}

/**
 * Whether layers of a family with the switch `use_sliding_window` slide; files name windows that it turns off.
 * @throws ModelConfigError where layers slide although it is off
 */
export function usesWindows(config: ModelConfig): boolean {
  if (config.boolean("use_sliding_window", false)) return config.has("sliding_window");
  if (config.has("layer_types") && config.choices("layer_types", layerTypes).includes("sliding_attention")) {
    throw config.error("layer_types", "full_attention throughout, as use_sliding_window is false");
  }
  config.disregard("sliding_window");
  return false;
}

/**
 * The window of every layer, in tokens; undefined where a layer sees everything. `sliding_window` is read where a layer slides.
 * @throws ModelConfigError
 */
export function layerWindows(config: ModelConfig, types: readonly LayerType[], fallback?: number): readonly (number | undefined)[] {
  if (!types.includes("sliding_attention")) return types.map(() => undefined);
  const window = config.count("sliding_window", fallback);
  return types.map((type) => (type === "sliding_attention" ? window : undefined));
}
