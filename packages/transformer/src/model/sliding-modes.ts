import type { SlidingMode } from "@elastic-attention/attention";
import type { ModelSpec } from "./model-spec.js";

/** The mode of each layer that the model fixes; undefined in layers about which a router is asked. */
export function slidingModes({ layers }: Pick<ModelSpec, "layers">): readonly (SlidingMode | undefined)[] {
  return layers.map(({ window }) => (window === undefined ? undefined : { kind: "sliding", windowTokens: window }));
}
