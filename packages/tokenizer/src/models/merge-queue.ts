/** Positions in the longest string that JavaScript engines make. Ranks stand above them in one exact number. */
const positions = 2 ** 29;
const children = 4;

/** How many ranks there can be. */
export const mostRanks = 2 ** 53 / positions;

/** Merges that wait, the earliest rank first and of equal ranks the leftmost: a heap of numbers that hold both. */
export class MergeQueue {
  #keys = new Float64Array(64);
  #length = 0;

  /** What the last `pop` took out. */
  rank = 0;
  position = 0;

  clear(): void {
    this.#length = 0;
  }

  push(rank: number, position: number): void {
    if (this.#length === this.#keys.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#keys);
      this.#keys = grown;
    }
    const keys = this.#keys;
    const key = rank * positions + position;
    let place = this.#length++;
    while (place > 0) {
      const parent = Math.floor((place - 1) / children);
      if (keys[parent]! <= key) break;
      keys[place] = keys[parent]!;
      place = parent;
    }
    keys[place] = key;
  }

  /** Takes the first merge out; false when none waits. */
  pop(): boolean {
    if (this.#length === 0) return false;
    const keys = this.#keys;
    const first = keys[0]!;
    this.rank = Math.floor(first / positions);
    this.position = first - this.rank * positions;
    const last = --this.#length;
    const key = keys[last]!;
    let place = 0;
    for (;;) {
      const begin = children * place + 1;
      if (begin >= last) break;
      let least = begin;
      for (let child = begin + 1, end = Math.min(begin + children, last); child < end; child++) if (keys[child]! < keys[least]!) least = child;
      if (key <= keys[least]!) break;
      keys[place] = keys[least]!;
      place = least;
    }
    keys[place] = key;
    return true;
  }
}
