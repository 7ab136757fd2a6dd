import { uniformNumber } from "@elastic-attention/tensor";

/**
 * Counter-based random numbers: the n-th number of a seed does not depend on what else was drawn, so a request gives
 * the same text alone and in a batch, and a resumed one goes on where it stopped.
 */
export class RandomStream {
  #counter = 0;

  constructor(private readonly seed: number) {}

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return uniformNumber(this.seed, this.#counter++);
  }
}
