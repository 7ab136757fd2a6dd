import { InvalidModeError } from "@elastic-attention/core";
import type { BlockPattern } from "../patterns/block-pattern.js";
import type { ThresholdMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";

/**
 * Skipped tiles: full attention in which a tile of keys whose largest score lies below the row's running maximum by more than
 * log(n / factor), n the keys that the row sees, is neither exponentiated nor multiplied by values. In prefill and in decode; all
 * keys and values are kept. A factor of 0 is full attention, by the same kernel.
 */
export const thresholdModeDefinition: AttentionModeDefinition<ThresholdMode> = {
  kind: "threshold",
  label: "THRESHOLD",
  settings: ["factor"],
  validate({ factor }) {
    if (!(Number.isFinite(factor) && factor >= 0 && Math.fround(factor) < Infinity)) {
      throw new InvalidModeError(`threshold: factor must be a number of at least 0, found ${String(factor)}.`, "Find one for a share of skipped tiles with `elastic-attention calibrate`.");
    }
  },
  pattern: patternOfFactor,
  decodePattern: patternOfFactor,
  trainingPattern() {
    throw new InvalidModeError("threshold: it reads what full attention reads, which is nothing to train a router on.", "Routers that were trained between FA and another mode serve it too.");
  },
  retention: () => ({ type: "all" }),
  atSizes: ({ settings = {} }) => ({ kind: "threshold", factor: settings.factor ?? 1 }),
};

function patternOfFactor({ factor }: ThresholdMode): BlockPattern {
  // Below the smallest number of float32 nothing is left out of any sequence.
  return Math.fround(factor) === 0 ? { type: "full" } : { type: "threshold", factor };
}
