import { MergeQueue } from "./merge-queue.js";
import type { MergeTable } from "./merge-table.js";
import type { TokenBuffer } from "../token-buffer.js";

/** Rows longer than this are given back to the memory. */
const keptSymbols = 1 << 16;

/** The symbols of one piece, which merge pair by pair. */
export class SymbolRow {
  #tokens = new Int32Array(64);
  #previous = new Int32Array(64);
  #next = new Int32Array(64);
  #length = 0;
  #queue = new MergeQueue();

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
    if (this.#tokens.length <= keptSymbols) return;
    this.#tokens = new Int32Array(64);
    this.#previous = new Int32Array(64);
    this.#next = new Int32Array(64);
    this.#queue = new MergeQueue();
  }

  add(token: number): void {
    if (this.#length === this.#tokens.length) {
      const grown = new Int32Array(2 * this.#length);
      grown.set(this.#tokens);
      this.#tokens = grown;
      this.#previous = new Int32Array(2 * this.#length);
      this.#next = new Int32Array(2 * this.#length);
    }
    this.#tokens[this.#length++] = token;
  }

  /** Merges until no pair is in the table. */
  merge(table: MergeTable): void {
    const [tokens, previous, next, length, queue] = [this.#tokens, this.#previous, this.#next, this.#length, this.#queue];
    queue.clear();
    for (let index = 0; index < length; index++) {
      previous[index] = index - 1;
      next[index] = index + 1 < length ? index + 1 : -1;
      if (index + 1 < length) this.#propose(table, index, index + 1);
    }
    while (queue.pop()) {
      const { position } = queue;
      const token = table.mergedByRank(queue.rank);
      const right = next[position]!;
      if (tokens[position] === -1 || right === -1) continue;
      // An entry of the queue may be out of date: what counts is that the pair still gives the same token.
      const place = table.find(tokens[position]!, tokens[right]!);
      if (place < 0 || table.merged(place) !== token) continue;
      tokens[position] = token;
      tokens[right] = -1;
      const after = next[right]!;
      next[position] = after;
      if (after >= 0) previous[after] = position;
      const before = previous[position]!;
      if (before >= 0) this.#propose(table, before, position);
      if (after >= 0) this.#propose(table, position, after);
    }
  }

  appendTo(ids: TokenBuffer): void {
    for (let index = 0; index < this.#length; index++) if (this.#tokens[index] !== -1) ids.push(this.#tokens[index]!);
  }

  ids(): Int32Array {
    return this.#tokens.slice(0, this.#length).filter((token) => token !== -1);
  }

  #propose(table: MergeTable, left: number, right: number): void {
    const place = table.find(this.#tokens[left]!, this.#tokens[right]!);
    if (place >= 0) this.#queue.push(table.rank(place), left);
  }
}
