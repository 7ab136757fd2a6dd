import type { StreamingMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";

/** SSA: sink and local blocks (reference semantics 3.4); decoding keeps the same window in a ring. */
export const streamingModeDefinition: AttentionModeDefinition<StreamingMode> = {
  kind: "streaming",
  label: "SSA",
  validate(mode) {
    for (const setting of ["sinkTokens", "localTokens", "blockSize"] as const) {
      requirePositiveInteger("streaming", setting, mode[setting]);
    }
  },
  pattern: ({ sinkTokens, localTokens, blockSize }) => ({
    type: "streaming",
    sinkBlocks: Math.ceil(sinkTokens / blockSize),
    localBlocks: Math.ceil(localTokens / blockSize),
    blockSize,
  }),
  decodePattern: (mode) => streamingModeDefinition.pattern(mode),
  retention: ({ sinkTokens, localTokens, blockSize }) => ({
    type: "sink-ring",
    sinkTokens: Math.ceil(sinkTokens / blockSize) * blockSize,
    ringTokens: Math.ceil(localTokens / blockSize) * blockSize,
  }),
  atSizes: ({ sinkTokens, localTokens, blockSize }) => ({ kind: "streaming", sinkTokens, localTokens, blockSize }),
};
