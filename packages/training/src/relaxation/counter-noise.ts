import { mixBits } from "@elastic-attention/core";

/**
 * Random numbers by place instead of by order: the number at (seed, ...counters) is the same whoever draws it and when,
 * so a resumed run, a recomputed layer and two ranks see the noise of the uninterrupted run of one rank.
 */

/** Uniform in (0, 1), 32 bits. Counters are whole numbers from 0. */
export function counterUniform(seed: number, ...counters: readonly number[]): number {
  let state = mixBits((seed >>> 0) ^ mixBits(Math.floor(seed / 2 ** 32) + 0x9e3779b9));
  for (const counter of counters) state = mixBits(Math.imul(state ^ mixBits(counter + 0x85ebca6b), 0x9e3779b1) + 0x27d4eb2f);
  return (mixBits(state ^ 0xc2b2ae35) + 0.5) / 2 ** 32;
}

/** Standard Gumbel noise, with the guards of the published code (reference semantics 1.5). */
export function counterGumbel(seed: number, ...counters: readonly number[]): number {
  return -Math.log(-Math.log(counterUniform(seed, ...counters) + 1e-8) + 1e-8);
}

/** Standard normal by Box and Muller. */
export function counterNormal(seed: number, ...counters: readonly number[]): number {
  const radius = Math.sqrt(-2 * Math.log(counterUniform(seed, ...counters, 0)));
  return radius * Math.cos(2 * Math.PI * counterUniform(seed, ...counters, 1));
}

/** A permutation of 0 … length - 1 (Fisher and Yates). */
export function counterPermutation(length: number, seed: number, ...counters: readonly number[]): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor(counterUniform(seed, ...counters, last) * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}
