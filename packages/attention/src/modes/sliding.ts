import type { SlidingMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";

/** Positions of a ring's blocks: kernels copy keys in tiles of this many, which must not wrap. */
const ringBlock = 128;

/** SWA: a sliding window that a model fixes for a layer; the cache keeps the window in a ring, in whole blocks. */
export const slidingModeDefinition: AttentionModeDefinition<SlidingMode> = {
  kind: "sliding",
  label: "SWA",
  validate: ({ windowTokens }) => requirePositiveInteger("sliding", "windowTokens", windowTokens),
  pattern: ({ windowTokens }) => ({ type: "sliding", windowTokens }),
  decodePattern: ({ windowTokens }) => ({ type: "sliding", windowTokens }),
  retention: ({ windowTokens }) => ({
    type: "sink-ring",
    sinkTokens: 0,
    ringTokens: Math.ceil(windowTokens / ringBlock) * ringBlock,
  }),
};
