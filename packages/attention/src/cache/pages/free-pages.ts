/** The pages of a pool that nobody has: a stack in one typed array, since a long prompt takes and gives back hundreds of thousands. */
export class FreePages {
  #pages = new Int32Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Pages `first` to `end` are new; they are taken after those that are free already, low ones first. */
  addBelow(first: number, end: number): void {
    const larger = new Int32Array(end);
    const added = end - first;
    for (let index = 0; index < added; index++) larger[index] = end - 1 - index;
    larger.set(this.#pages.subarray(0, this.#length), added);
    this.#pages = larger;
    this.#length += added;
  }

  /** The last `count` pages. */
  take(count: number): Int32Array {
    this.#length -= count;
    return this.#pages.slice(this.#length, this.#length + count);
  }

  give(pages: ArrayLike<number>): void {
    this.#pages.set(pages, this.#length);
    this.#length += pages.length;
  }

  clear(): void {
    this.#pages = new Int32Array(0);
    this.#length = 0;
  }
}
