/** Which pairs of tokens become one, and how early: a hash table over typed arrays. */
export class MergeTable {
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #rank: Int32Array;
  readonly #merged: Int32Array;
  readonly #mask: number;

  /** @param pairs how many pairs there will be at most. */
  constructor(pairs: number) {
    let slots = 16;
    while (slots < 2 * pairs) slots *= 2;
    this.#left = new Int32Array(slots).fill(-1);
    this.#right = new Int32Array(slots);
    this.#rank = new Int32Array(slots);
    this.#merged = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  /** A pair that is there already gets the new rank. */
  set(left: number, right: number, rank: number, merged: number): void {
    let slot = hash(left, right) & this.#mask;
    while (this.#left[slot] !== -1 && !(this.#left[slot] === left && this.#right[slot] === right)) slot = (slot + 1) & this.#mask;
    this.#left[slot] = left;
    this.#right[slot] = right;
    this.#rank[slot] = rank;
    this.#merged[slot] = merged;
  }

  /** The place of a pair, or -1. */
  find(left: number, right: number): number {
    let slot = hash(left, right) & this.#mask;
    for (;;) {
      const found = this.#left[slot]!;
      if (found === -1) return -1;
      if (found === left && this.#right[slot] === right) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  rank(place: number): number {
    return this.#rank[place]!;
  }

  merged(place: number): number {
    return this.#merged[place]!;
  }
}

function hash(left: number, right: number): number {
  let value = Math.imul(left, 0x9e37_79b1) ^ Math.imul(right, 0x85eb_ca6b);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b_3c6d);
  return value ^ (value >>> 13);
}
