import type { ModelConfig } from "../model-config.js";
import type { RopeSpec } from "./rope-spec.js";

/** Sequences that dynamic scaling is used for: its base grows with them, without an end of its own. */
const longestDynamicSequence = 2 ** 20;

/**
 * Longest sequence of a model: `max_position_embeddings`, or the length that the scaling stretches it to where a file keeps
 * the length before.
 *
 * @param rope of the layers that see the whole context; undefined where these have no positions
 * @param isOneForAll whether all layers turn alike; where they do not, files give the stretched length
 */
export function contextLength(config: ModelConfig, rope: RopeSpec | undefined, isOneForAll: boolean): number {
  const given = config.count("max_position_embeddings");
  switch (rope?.type) {
    case "yarn":
      return Math.max(given, Math.round(rope.originalContextLength * rope.factor));
    case "linear":
      return isOneForAll ? Math.max(given, Math.round(given * rope.factor)) : given;
    case "dynamic":
      return Math.max(given, longestDynamicSequence);
    default:
      return given;
  }
}
