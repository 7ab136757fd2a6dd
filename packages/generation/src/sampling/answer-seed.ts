import { mixBits } from "@elastic-attention/core";

/** The seed of one of a request's answers: the first has the request's own, the others numbers that do not meet. */
export function answerSeed(seed: number, index: number): number {
  if (index === 0) return seed;
  const own = mixBits((seed >>> 0) ^ mixBits(Math.floor(seed / 2 ** 32) + 0x632be59b));
  return mixBits(own + Math.imul(index, 0x9e3779b1)) >>> 0;
}
