import { InvalidModeError } from "@elastic-attention/core";
import { xattentionEstimate } from "../operations/xattention-estimate.js";
import type { XAttentionMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";

/** XA: blocks chosen per query head at prefill (reference semantics 3.5); decoding and later turns are dense. */
export const xattentionModeDefinition: AttentionModeDefinition<XAttentionMode> = {
  kind: "xattention",
  label: "XA",
  validate({ stride, threshold, blockSize }) {
    requirePositiveInteger("xattention", "stride", stride);
    requirePositiveInteger("xattention", "blockSize", blockSize);
    if (blockSize % stride !== 0) {
      throw new InvalidModeError(`xattention: stride ${stride} must divide blockSize ${blockSize}.`);
    }
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new InvalidModeError(`xattention: threshold must be between 0 and 1, found ${threshold}.`);
    }
  },
  pattern: ({ blockSize }) => ({ type: "selected", blockSize }),
  decodePattern: () => ({ type: "full" }),
  retention: () => ({ type: "all" }),
  atSizes: ({ stride, threshold, blockSize }) => ({ kind: "xattention", stride, threshold, blockSize }),
  select: ({ query, cache, keyValueHeads, mode, scale, softCap }) =>
    query.backend.kernels.run(xattentionEstimate, { query, cache, keyValueHeads, mode, scale, softCap }),
};
