import type { Router } from "@elastic-attention/router";
import type { ModelSpec } from "../model/model-spec.js";
import type { SequenceQuestion } from "./memory-prediction.js";

/** A prompt whose memory is asked for. */
export interface PromptMemoryOptions extends Pick<SequenceQuestion, "tokens" | "reserveTokens" | "decode"> {
  /** Decides the modes; none: every head full. */
  readonly router?: Router | undefined;
  /** Share of sparse heads; default: what the router says of itself. */
  readonly sparsity?: number | undefined;
}

/** Prompts that are read together, whose memory is asked for. */
export interface BatchMemoryOptions {
  readonly sequences: readonly PromptMemoryOptions[];
  /** Rows of logits for each sequence. Default 1. */
  readonly logitsRows?: number;
}

/** What is asked of a prompt's memory, with what its router says of itself. */
export function sequenceQuestion({ numLayers, numKeyValueHeads, shard }: ModelSpec, { router, sparsity, ...prompt }: PromptMemoryOptions): SequenceQuestion {
  const [retrievalMode, sparseMode] = router?.modes ?? [];
  const heads = shard?.numKeyValueHeads ?? numKeyValueHeads;
  const ofModel = sparsity === undefined ? router?.expectedSparseHeads?.(numLayers, heads) : undefined;
  // As few of them as may be a rank's.
  const known = ofModel?.map((count) => Math.max(0, count - (heads - numKeyValueHeads)));
  return {
    ...prompt,
    ...(retrievalMode === undefined ? {} : { retrievalMode }),
    ...(sparseMode === undefined ? {} : { sparseMode, sparseHeads: known, sparsity: sparsity ?? 1 }),
  };
}
