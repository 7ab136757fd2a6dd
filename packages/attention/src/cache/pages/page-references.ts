/** How many owners each page of a pool has. */
export class PageReferences {
  #counts = new Uint32Array(0);

  /** Pages that nobody owned have one owner now. */
  begin(pages: ArrayLike<number>): void {
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      if (page >= this.#counts.length) this.#grow(page + 1);
      this.#counts[page] = 1;
    }
  }

  /** One owner more for each page. */
  add(pages: ArrayLike<number>): void {
    for (let i = 0; i < pages.length; i++) this.#counts[pages[i]!]! += 1;
  }

  /** One owner less for each page. @returns those that nobody owns any more */
  remove(pages: ArrayLike<number>): number[] {
    const free: number[] = [];
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      if (--this.#counts[page]! === 0) free.push(page);
    }
    return free;
  }

  count(page: number): number {
    return this.#counts[page] ?? 0;
  }

  #grow(pages: number): void {
    const larger = new Uint32Array(Math.max(1024, 2 ** Math.ceil(Math.log2(pages))));
    larger.set(this.#counts);
    this.#counts = larger;
  }
}
