/**
 * Counter-based random numbers: the n-th number of a seed does not depend on what else was drawn, so a request gives
 * the same text alone and in a batch, and a resumed one goes on where it stopped.
 */
export class RandomStream {
  #counter = 0;

  constructor(private readonly seed: number) {}

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    let state = mix((this.seed >>> 0) ^ mix(Math.floor(this.seed / 2 ** 32) + 0x9e3779b9));
    state = mix(state + Math.imul(this.#counter++, 0x9e3779b1));
    return mix(state ^ 0x85ebca6b) / 2 ** 32;
  }
}

/** Full-avalanche 32-bit mixing: multiply and xor-shift rounds. */
function mix(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}
