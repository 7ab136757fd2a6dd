import type { LayerType } from "../../model/layer-types.js";
import type { ArchitectureKeys } from "./architecture-keys.js";

/** What an architecture has where its file does not say. */
interface UsualWindows {
  /** After how many layers one comes that sees the whole context. */
  readonly every: number;
  /** Length of a window. Default: there are none. */
  readonly window?: number;
}

/**
 * The windows of a model as config.json has them. Files keep the pattern as the number of layers after which one sees the
 * whole context, or as true for every layer that slides, or leave it to the architecture.
 * @throws GgufMetadataError
 */
export function slidingLayers(keys: ArchitectureKeys, numLayers: number, usual: UsualWindows): { readonly sliding_window: number | null; readonly layer_types: readonly LayerType[] } {
  const window = keys.count("attention.sliding_window", usual.window ?? 0);
  const slides = window === 0 ? () => false : readPattern(keys, numLayers, usual.every);
  return {
    sliding_window: window === 0 ? null : window,
    layer_types: Array.from({ length: numLayers }, (_, layer) => (slides(layer) ? "sliding_attention" : "full_attention")),
  };
}

function readPattern(keys: ArchitectureKeys, numLayers: number, usual: number): (layer: number) => boolean {
  const key = "attention.sliding_window_pattern";
  if (typeof keys.get(key) === "object") {
    const flags = keys.booleans(key);
    if (flags.length < numLayers) throw keys.error(key, `must have an element for each of the ${numLayers} layers`);
    return (layer) => flags[layer]!;
  }
  const every = keys.count(key, usual);
  return (layer) => every === 0 || (layer + 1) % every !== 0;
}
