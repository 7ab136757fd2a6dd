/** Places in the longest string that JavaScript engines make. Ranks stand above them in one exact number. */
const places = 2 ** 29;

/** Merges that wait, the lowest rank first and of equal ranks the leftmost: a binary heap of numbers that hold both. */
export class MergeHeap {
  #keys = new Float64Array(64);
  #length = 0;

  /** What the last {@link pop} took out. */
  rank = 0;
  place = 0;

  push(rank: number, place: number): void {
    if (this.#length === this.#keys.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#keys);
      this.#keys = grown;
    }
    const keys = this.#keys;
    const key = rank * places + place;
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  /** Takes the first merge out; false when none waits. */
  pop(): boolean {
    if (this.#length === 0) return false;
    const keys = this.#keys;
    this.rank = Math.floor(keys[0]! / places);
    this.place = keys[0]! - this.rank * places;
    const last = --this.#length;
    const key = keys[last]!;
    let at = 0;
    for (let child = 1; child < last; child = 2 * at + 1) {
      if (child + 1 < last && keys[child + 1]! < keys[child]!) child += 1;
      if (key <= keys[child]!) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = key;
    return true;
  }
}
