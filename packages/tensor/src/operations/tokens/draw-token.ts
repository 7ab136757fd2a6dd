import type { TokenSampling } from "./sample-tokens.js";

/** Probabilities are counted in this share of the largest. */
const unit = 2 ** 31;

/** The largest logit's token, the lowest among equals; -1 when it is not finite. NaN is never the largest. */
export function largestLogit(logits: ArrayLike<number>): number {
  let best = -1;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (best < 0 ? logit === logit : logit > logits[best]!) best = token;
  }
  return best >= 0 && Number.isFinite(logits[best]!) ? best : -1;
}

/** Draws by temperature, top-k, top-p and min-p; -1 when there is no finite largest logit. */
export function drawToken(logits: ArrayLike<number>, sampling: TokenSampling): number {
  const best = largestLogit(logits);
  if (best < 0) return -1;
  const { temperature, topK, topP, minP, uniform } = sampling;
  const largest = logits[best]!;
  const weightOf = (token: number) => Math.round(Math.exp((logits[token]! - largest) / temperature) * unit);
  const order: number[] = [];
  for (let token = 0; token < logits.length; token++) if (weightOf(token) > 0) order.push(token);
  order.sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (topK > 0) order.length = Math.min(order.length, topK);
  const weights = order.map(weightOf);
  const limit = topP * sum(weights);
  let count = 0;
  let mass = 0;
  // The most likely token always stays; the token that reaches the limit is the last one.
  while (count < weights.length && (count === 0 || (mass < limit && weights[count]! >= minP * unit))) mass += weights[count++]!;
  const target = uniform * mass;
  let passed = 0;
  for (let i = 0; i < count; i++) {
    passed += weights[i]!;
    if (passed > target) return order[i]!;
  }
  return order[count - 1]!;
}

/** Exact: whole numbers below 2^53 for vocabularies up to 2^22. */
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
