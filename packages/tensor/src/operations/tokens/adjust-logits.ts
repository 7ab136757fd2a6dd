import { type FloatArray, readFloats, readIntegers } from "../../reference/floats.js";
import type { SampledRow } from "./sample-tokens.js";

/** Makes of a row's logits those that its token is drawn from, in float64 and rounded once: bias, penalties, mask. */
export function adjustLogits(logits: FloatArray, { sampling, seen, counts, bias, mask }: SampledRow): void {
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = sampling;
  const added = bias === undefined ? undefined : readFloats(bias);
  const flags = seen === undefined || repetitionPenalty === 1 ? undefined : readIntegers(seen);
  const numbers = counts === undefined ? undefined : readIntegers(counts);
  const words = mask === undefined ? undefined : readIntegers(mask);
  if (added === undefined && flags === undefined && numbers === undefined && words === undefined) return;
  for (let token = 0; token < logits.length; token++) {
    if (words !== undefined && ((words[token >> 5]! >>> (token & 31)) & 1) === 0) {
      logits[token] = -Infinity;
      continue;
    }
    let logit = logits[token]!;
    if (added !== undefined) logit += added[token]!;
    if (flags !== undefined && flags[token] !== 0) logit = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    const count = numbers?.[token] ?? 0;
    if (count > 0) logit -= presencePenalty + frequencyPenalty * count;
    logits[token] = logit;
  }
}
