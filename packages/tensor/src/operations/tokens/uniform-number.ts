import { mixBits } from "@elastic-attention/core";

/**
 * Counter-based random numbers: number `counter` of a seed, uniform in [0, 1) with 32 bits. It does not depend on what
 * else was drawn, so that a sequence gives the same text alone and in a batch.
 */
export function uniformNumber(seed: number, counter: number): number {
  let state = mixBits((seed >>> 0) ^ mixBits(Math.floor(seed / 2 ** 32) + 0x9e3779b9));
  state = mixBits(state + Math.imul(counter, 0x9e3779b1));
  return mixBits(state ^ 0x85ebca6b) / 2 ** 32;
}
