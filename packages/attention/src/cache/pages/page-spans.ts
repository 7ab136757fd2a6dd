/**
 * The entries of all page tables in one array: spans of powers of two, so that a freed one fits the next of its size. It
 * remembers which entries changed.
 */
export class PageSpans {
  #entries = new Int32Array(0);
  #end = 0;
  #taken = 0;
  readonly #free = new Map<number, number[]>();
  #changed: number[] = [];

  get entries(): Int32Array {
    return this.#entries;
  }

  get isEmpty(): boolean {
    return this.#taken === 0;
  }

  /** First entry of a span with room for `count`. */
  take(count: number): number {
    const size = spanSize(count);
    const known = this.#free.get(size)?.pop();
    if (known === undefined && this.#end + size > this.#entries.length) {
      const larger = new Int32Array(Math.max(1024, 2 ** Math.ceil(Math.log2(this.#end + size))));
      larger.set(this.#entries);
      this.#entries = larger;
    }
    const first = known ?? this.#end;
    if (known === undefined) this.#end += size;
    this.#taken += 1;
    return first;
  }

  give(first: number, count: number): void {
    this.#taken -= 1;
    const size = spanSize(count);
    const same = this.#free.get(size);
    if (same === undefined) this.#free.set(size, [first]);
    else same.push(first);
    if (this.#taken > 0) return;
    this.#free.clear();
    this.#end = 0;
    this.#entries = new Int32Array(0);
    this.#changed = [];
  }

  set(at: number, page: number): void {
    this.#entries[at] = page;
    this.#changed.push(at);
  }

  /** Everything in use counts as changed: the backend's copy is new. */
  changeAll(): void {
    this.#changed = Array.from({ length: this.#end }, (_, at) => at);
  }

  /** Ranges that hold every entry changed since the last call; entries between two near ones go with them. */
  *changes(): Generator<readonly [start: number, end: number]> {
    const changed = this.#changed.sort((a, b) => a - b);
    this.#changed = [];
    for (let i = 0; i < changed.length; ) {
      const start = changed[i]!;
      let end = start + 1;
      while (++i < changed.length && changed[i]! <= end + near) end = Math.max(end, changed[i]! + 1);
      yield [start, end];
    }
  }
}

/** One write of so many entries is cheaper than two. */
const near = 256;

/** Entries that a span for `count` has. */
export function spanSize(count: number): number {
  return Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, count))));
}
