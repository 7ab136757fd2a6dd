import { counterPermutation } from "../relaxation/counter-noise.js";

/**
 * The order in which endless epochs over rows are read: in each epoch the parts are shuffled, then the rows within
 * each. The n-th row follows from the seed and n alone.
 */
export class ShuffledOrder {
  #epoch = -1;
  #order: Uint32Array = new Uint32Array(0);

  constructor(
    private readonly numRows: number,
    private readonly parts: readonly number[],
    private readonly seed: number,
  ) {}

  rowAt(position: number): number {
    const epoch = Math.floor(position / this.numRows);
    if (epoch !== this.#epoch) {
      this.#order = this.#shuffle(epoch);
      this.#epoch = epoch;
    }
    return this.#order[position % this.numRows]!;
  }

  #shuffle(epoch: number): Uint32Array {
    const order = new Uint32Array(this.numRows);
    let at = 0;
    for (const part of counterPermutation(this.parts.length, this.seed, epoch, 0)) {
      const start = this.parts[part]!;
      const length = (this.parts[part + 1] ?? this.numRows) - start;
      for (const row of counterPermutation(length, this.seed, epoch, 1, part)) order[at++] = start + row;
    }
    return order;
  }
}
