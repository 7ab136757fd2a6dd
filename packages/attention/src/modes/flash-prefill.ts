import { InvalidModeError } from "@elastic-attention/core";
import { blockSearch } from "../operations/block-search.js";
import type { FlashPrefillMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";

/** FP: blocks chosen per query head at prefill by a threshold on their weight for some rows; decoding and later turns are dense. */
export const flashPrefillModeDefinition: AttentionModeDefinition<FlashPrefillMode> = {
  kind: "flash-prefill",
  label: "FP",
  settings: ["alpha", "stride"],
  validate({ blockSize, stride, alpha }) {
    requirePositiveInteger("flash-prefill", "blockSize", blockSize);
    requirePositiveInteger("flash-prefill", "stride", stride);
    if (!(alpha >= 0 && alpha <= 1)) throw new InvalidModeError(`flash-prefill: alpha must be between 0 and 1, found ${String(alpha)}.`);
  },
  pattern: ({ blockSize }) => ({ type: "selected", blockSize }),
  decodePattern: () => ({ type: "full" }),
  retention: () => ({ type: "all" }),
  atSizes: ({ blockSize, settings = {} }) => ({ kind: "flash-prefill", blockSize, stride: settings.stride ?? 16, alpha: settings.alpha ?? 0.1 }),
  select: ({ query, cache, keyValueHeads, mode: { blockSize, stride, alpha }, scale, softCap }) =>
    query.backend.kernels.run(blockSearch, { query, cache, keyValueHeads, blockSize, stride, alpha, scale, softCap }),
};
