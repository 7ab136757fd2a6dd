/** Numbers of one slot: the node that a step leads away from, its character, the node that it leads to, and what a text that ends there stands for. */
const slotSize = 4;
const fewestSlots = 64;

/** Texts by their beginnings: a hash table of steps from node to node over one typed array. */
export class TextTrie {
  /** A step costs one look into the memory: what belongs to it lies together. The parent is -1 in a free slot, the value where no text ends. */
  #slots: Int32Array;
  #mask: number;
  /** The root is 0. */
  #nodes = 1;

  /** @param texts about how many texts there will be: a table that need not grow is made faster. */
  constructor(texts = 0) {
    let slots = fewestSlots;
    while (slots < 6 * texts) slots *= 2;
    this.#slots = new Int32Array(slotSize * slots).fill(-1);
    this.#mask = slots - 1;
  }

  /** A text that is there already gets the new value; an empty one is never found. */
  add(text: string, value: number): void {
    let node = 0;
    let place = -1;
    for (let index = 0; index < text.length; index++) {
      place = this.#stepOrNew(node, text.charCodeAt(index));
      node = this.#slots[place + 2]!;
    }
    if (place >= 0) this.#slots[place + 3] = value;
  }

  get(text: string): number | undefined {
    const place = this.#placeOf(text);
    const value = place < 0 ? -1 : this.#slots[place + 3]!;
    return value < 0 ? undefined : value;
  }

  /** Where texts go on that begin so: for {@link beginnings}. -1 when none does. */
  nodeOf(beginning: string): number {
    if (beginning === "") return 0;
    const place = this.#placeOf(beginning);
    return place < 0 ? -1 : this.#slots[place + 2]!;
  }

  /**
   * Every text that stands at this place, the shortest first. Returns how many characters were looked at.
   * @param from a node whose beginning counts as being there already.
   */
  beginnings(text: string, start: number, found: (end: number, value: number) => void, from = 0): number {
    const slots = this.#slots;
    let node = from;
    let index = start;
    while (node >= 0 && index < text.length) {
      const place = this.#step(node, text.charCodeAt(index++));
      if (slots[place] === -1) break;
      node = slots[place + 2]!;
      const value = slots[place + 3]!;
      if (value >= 0) found(index, value);
    }
    return index - start;
  }

  /** The slot of a text's last step; -1 when there is none. */
  #placeOf(text: string): number {
    let node = 0;
    let place = -1;
    for (let index = 0; index < text.length; index++) {
      place = this.#step(node, text.charCodeAt(index));
      if (this.#slots[place] === -1) return -1;
      node = this.#slots[place + 2]!;
    }
    return place;
  }

  #stepOrNew(parent: number, code: number): number {
    let place = this.#step(parent, code);
    if (this.#slots[place] !== -1) return place;
    // Two of three slots are taken at most.
    if (3 * this.#nodes > 2 * this.#mask) {
      this.#grow();
      place = this.#step(parent, code);
    }
    this.#slots[place] = parent;
    this.#slots[place + 1] = code;
    this.#slots[place + 2] = this.#nodes++;
    return place;
  }

  /** Where a step stands, or the free slot where it would. */
  #step(parent: number, code: number): number {
    const slots = this.#slots;
    let hash = Math.imul(parent, 0x9e37_79b1) ^ Math.imul(code, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
    for (let slot = hash ^ (hash >>> 13); ; slot++) {
      const place = slotSize * (slot & this.#mask);
      if (slots[place] === -1 || (slots[place] === parent && slots[place + 1] === code)) return place;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length).fill(-1);
    this.#mask = 2 * this.#mask + 1;
    for (let from = 0; from < before.length; from += slotSize) {
      if (before[from] === -1) continue;
      const place = this.#step(before[from]!, before[from + 1]!);
      for (let part = 0; part < slotSize; part++) this.#slots[place + part] = before[from + part]!;
    }
  }
}
