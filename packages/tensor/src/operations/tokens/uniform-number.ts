/**
 * Counter-based random numbers: number `counter` of a seed, uniform in [0, 1) with 32 bits. It does not depend on what
 * else was drawn, so that a sequence gives the same text alone and in a batch.
 */
export function uniformNumber(seed: number, counter: number): number {
  let state = mix((seed >>> 0) ^ mix(Math.floor(seed / 2 ** 32) + 0x9e3779b9));
  state = mix(state + Math.imul(counter, 0x9e3779b1));
  return mix(state ^ 0x85ebca6b) / 2 ** 32;
}

/** Full-avalanche 32-bit mixing: multiply and xor-shift rounds. */
function mix(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}
