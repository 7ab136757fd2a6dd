import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import type { Tensor } from "@elastic-attention/tensor";
import type { PendingScores, RouterInput } from "./router.js";

/**
 * The plan that each sequence's scores decide, once it is asked for.
 *
 * @param source owned by the plan, and `logits` too. @throws InvalidModeError; both then stay the caller's.
 * @param modesOf mode indices of one sequence's heads, by their scores
 */
export function scorePlan(
  { backend, offsets, keys }: RouterInput,
  modes: readonly AttentionMode[],
  source: PendingScores,
  modesOf: (scores: Float32Array) => ArrayLike<number>,
  logits?: Tensor,
): HeadPlan {
  const shape = [offsets.length - 1, keys.shape[1]!] as const;
  const decide = () => {
    const scores = source.read();
    const [sequences, heads] = shape;
    return Array.from({ length: sequences }, (_, sequence) => modesOf(scores.subarray(sequence * heads, (sequence + 1) * heads)));
  };
  return HeadPlan.deferred({ backend, modes, shape, decide, source, ...(logits === undefined ? {} : { logits }) });
}
