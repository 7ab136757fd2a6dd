/** Merges that wait, the earliest rank first and of equal ranks the leftmost: a binary heap over typed arrays. */
export class MergeQueue {
  #ranks = new Int32Array(64);
  #positions = new Int32Array(64);
  #merged = new Int32Array(64);
  #length = 0;

  /** What the last `pop` took out. */
  position = 0;
  token = 0;

  clear(): void {
    this.#length = 0;
  }

  push(rank: number, position: number, merged: number): void {
    if (this.#length === this.#ranks.length) this.#grow();
    const [ranks, positions] = [this.#ranks, this.#positions];
    let place = this.#length++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (ranks[parent]! < rank || (ranks[parent] === rank && positions[parent]! <= position)) break;
      this.#move(parent, place);
      place = parent;
    }
    ranks[place] = rank;
    positions[place] = position;
    this.#merged[place] = merged;
  }

  /** Takes the first merge out; false when none waits. */
  pop(): boolean {
    if (this.#length === 0) return false;
    this.position = this.#positions[0]!;
    this.token = this.#merged[0]!;
    const last = --this.#length;
    const [ranks, positions] = [this.#ranks, this.#positions];
    const [rank, position, merged] = [ranks[last]!, positions[last]!, this.#merged[last]!];
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= last) break;
      if (child + 1 < last && (ranks[child + 1]! < ranks[child]! || (ranks[child + 1] === ranks[child] && positions[child + 1]! < positions[child]!))) child++;
      if (rank < ranks[child]! || (rank === ranks[child] && position <= positions[child]!)) break;
      this.#move(child, place);
      place = child;
    }
    ranks[place] = rank;
    positions[place] = position;
    this.#merged[place] = merged;
    return true;
  }

  #move(from: number, to: number): void {
    this.#ranks[to] = this.#ranks[from]!;
    this.#positions[to] = this.#positions[from]!;
    this.#merged[to] = this.#merged[from]!;
  }

  #grow(): void {
    const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const wider = new Int32Array(2 * old.length);
      wider.set(old);
      return wider;
    };
    this.#ranks = grown(this.#ranks);
    this.#positions = grown(this.#positions);
    this.#merged = grown(this.#merged);
  }
}
