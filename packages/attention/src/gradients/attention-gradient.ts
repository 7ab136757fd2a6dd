import { TapeError } from "@elastic-attention/core";
import type { Gradients, Tensor } from "@elastic-attention/tensor";
import { attentionBackward } from "./attention-backward.js";
import type { AttentionScores } from "../operations/attention-scores.js";
import type { AttentionSequence } from "../operations/hybrid-attention.js";

/** What a gradient may flow to in an attention call: queries, then keys and values of each sequence. */
export function attentionInputs(query: Tensor, sequences: readonly AttentionSequence[]): Tensor[] {
  return [query, ...sequences.flatMap(({ cache }) => [cache.keys, cache.values])];
}

/** One attention that was computed, as its gradient needs it. */
export interface ComputedAttention extends AttentionScores {
  readonly query: Tensor;
  readonly output: Tensor;
  readonly logSumExp: Tensor;
  readonly outputGradient: Tensor;
  readonly sequences: readonly AttentionSequence[];
  readonly deterministic?: boolean;
}

/**
 * Adds the gradients of queries, keys and values of one computed attention to a tape's.
 * @throws TapeError where the log-sum-exp itself has a gradient
 */
export function addAttentionGradients(gradients: Gradients, attention: ComputedAttention): void {
  const { query, sequences } = attention;
  if (gradients.incoming(attention.logSumExp) !== undefined) {
    throw new TapeError("A gradient has arrived at the log-sum-exp of an attention; it has no way back.");
  }
  const inputs = attentionInputs(query, sequences);
  const run = ([queryGradient, ...rest]: readonly Tensor[], accumulate: boolean) => {
    const cacheGradients = sequences.map((_, index) => ({ keys: rest[2 * index]!, values: rest[2 * index + 1]! }));
    const call = { ...attention, queryGradient: queryGradient!, cacheGradients, accumulate };
    gradients.backend.kernels.run(attentionBackward, call);
  };
  if (!inputs.some((input) => gradients.wants(input))) return;
  if (writesEverything(query, sequences)) gradients.accumulate(inputs, run);
  else {
    // Rows and slots that the kernel leaves alone must be zeros, not whatever the memory held.
    run(
      inputs.map((input) => gradients.addable(input)),
      true,
    );
  }
}

/** Whether every query row belongs to a sequence and every slot of the caches holds a token. */
function writesEverything(query: Tensor, sequences: readonly AttentionSequence[]): boolean {
  const rows = sequences.reduce((sum, { length }) => sum + length, 0);
  const isFull = ({ cache }: AttentionSequence) =>
    cache.pages === undefined && cache.keys.shape[0] === cache.length * cache.numKeyValueHeads;
  return rows === query.shape[0] && sequences.every(isFull);
}
