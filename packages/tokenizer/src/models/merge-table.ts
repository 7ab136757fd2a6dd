/** Numbers of one slot: the left and the right token, the rank, the merged token. */
const slotSize = 4;

/** Which pairs of tokens become one, and how early: a hash table over typed arrays. */
export class MergeTable {
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** What the rule of each rank makes. */
  readonly #mergedByRank: Int32Array;

  /** @param rules how many rules there will be; ranks are below it. */
  constructor(rules: number) {
    let slots = 16;
    while (2 * slots < 3 * rules) slots *= 2;
    this.#slots = new Int32Array(slotSize * slots).fill(-1);
    this.#mask = slots - 1;
    this.#mergedByRank = new Int32Array(rules);
  }

  /** A pair that is there already gets the new rank. */
  set(left: number, right: number, rank: number, merged: number): void {
    const slots = this.#slots;
    let slot = hash(left, right) & this.#mask;
    let place = slotSize * slot;
    while (slots[place] !== -1 && !(slots[place] === left && slots[place + 1] === right)) {
      slot = (slot + 1) & this.#mask;
      place = slotSize * slot;
    }
    slots[place] = left;
    slots[place + 1] = right;
    slots[place + 2] = rank;
    slots[place + 3] = merged;
    this.#mergedByRank[rank] = merged;
  }

  /** The place of a pair, or -1. */
  find(left: number, right: number): number {
    const slots = this.#slots;
    for (let slot = hash(left, right) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = slotSize * slot;
      const found = slots[place]!;
      if (found === -1) return -1;
      if (found === left && slots[place + 1] === right) return place;
    }
  }

  rank(place: number): number {
    return this.#slots[place + 2]!;
  }

  merged(place: number): number {
    return this.#slots[place + 3]!;
  }

  mergedByRank(rank: number): number {
    return this.#mergedByRank[rank]!;
  }
}

function hash(left: number, right: number): number {
  let value = Math.imul(left, 0x9e37_79b1) ^ Math.imul(right, 0x85eb_ca6b);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b_3c6d);
  return value ^ (value >>> 13);
}
