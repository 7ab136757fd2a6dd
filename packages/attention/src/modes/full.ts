import type { FullMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";

export const fullMode: FullMode = { kind: "full" };

/** FA: causal attention over everything. */
export const fullModeDefinition: AttentionModeDefinition<FullMode> = {
  kind: "full",
  label: "FA",
  validate: () => {},
  pattern: () => ({ type: "full" }),
  decodePattern: () => ({ type: "full" }),
  retention: () => ({ type: "all" }),
  atSizes: () => fullMode,
};
