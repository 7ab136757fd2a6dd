/** Texts by their beginnings: a hash table of steps from node to node over typed arrays. */
export class TextTrie {
  #parents = new Int32Array(64).fill(-1);
  #codes = new Int32Array(64);
  #children = new Int32Array(64);
  /** What a text that ends at a node stands for, or -1. */
  #values = new Int32Array(32).fill(-1);
  #nodes = 1;

  /** A text that is there already gets the new value. */
  add(text: string, value: number): void {
    let node = 0;
    for (let index = 0; index < text.length; index++) node = this.#childOrNew(node, text.charCodeAt(index));
    this.#values[node] = value;
  }

  get(text: string): number | undefined {
    let node = 0;
    for (let index = 0; index < text.length && node >= 0; index++) node = this.#child(node, text.charCodeAt(index));
    return node < 0 || this.#values[node]! < 0 ? undefined : this.#values[node];
  }

  /** Every text that stands at this place, the shortest first. Returns how many characters were looked at. */
  beginnings(text: string, start: number, found: (end: number, value: number) => void): number {
    let node = 0;
    let index = start;
    while (index < text.length) {
      node = this.#child(node, text.charCodeAt(index++));
      if (node < 0) break;
      const value = this.#values[node]!;
      if (value >= 0) found(index, value);
    }
    return index - start;
  }

  #child(parent: number, code: number): number {
    const slot = this.#slot(parent, code);
    return this.#parents[slot] === -1 ? -1 : this.#children[slot]!;
  }

  #childOrNew(parent: number, code: number): number {
    let slot = this.#slot(parent, code);
    if (this.#parents[slot] !== -1) return this.#children[slot]!;
    if (2 * this.#nodes >= this.#parents.length) {
      this.#grow();
      slot = this.#slot(parent, code);
    }
    this.#parents[slot] = parent;
    this.#codes[slot] = code;
    this.#children[slot] = this.#nodes;
    return this.#nodes++;
  }

  #slot(parent: number, code: number): number {
    const mask = this.#parents.length - 1;
    let hash = Math.imul(parent, 0x9e37_79b1) ^ Math.imul(code, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while (this.#parents[slot] !== -1 && !(this.#parents[slot] === parent && this.#codes[slot] === code)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [parents, codes, children] = [this.#parents, this.#codes, this.#children];
    const slots = 2 * parents.length;
    this.#parents = new Int32Array(slots).fill(-1);
    this.#codes = new Int32Array(slots);
    this.#children = new Int32Array(slots);
    const values = new Int32Array(slots / 2 + 1).fill(-1);
    values.set(this.#values.subarray(0, this.#nodes));
    this.#values = values;
    for (let index = 0; index < parents.length; index++) {
      if (parents[index] === -1) continue;
      const slot = this.#slot(parents[index]!, codes[index]!);
      this.#parents[slot] = parents[index]!;
      this.#codes[slot] = codes[index]!;
      this.#children[slot] = children[index]!;
    }
  }
}
