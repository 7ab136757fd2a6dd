/** A part of a text, which is looked up without being cut out. */
export class Stretch {
  text = "";
  start = 0;
  end = 0;

  set(text: string, start = 0, end = text.length): this {
    this.text = text;
    this.start = start;
    this.end = end;
    return this;
  }

  get length(): number {
    return this.end - this.start;
  }
}

/** Differs from process to process, so that no file can be made whose tokens all collide. */
const seed = Math.floor(Math.random() * 2 ** 32) | 0;
const nothing = new Stretch();

/** Numbers of one slot: the hash of a text, where its characters begin, how many there are, and its value; -1 in a free one. */
const slotSize = 4;

/** Values of texts by their content: a hash table over typed arrays, since a million lookups belong to reading a large file. */
export class TokenTable {
  /** Units of the longest text. */
  readonly longest: number;
  readonly #characters: Uint16Array;
  /** What is compared first lies together: the memory is what a lookup waits for. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /**
   * @param texts all different.
   * @param values of the texts, in their order; none is negative.
   */
  constructor(texts: readonly string[], values: Int32Array) {
    let slots = 16;
    while (slots < 2 * texts.length) slots *= 2;
    this.#slots = new Int32Array(slotSize * slots).fill(-1);
    this.#mask = slots - 1;
    let length = 0;
    let longest = 0;
    for (const text of texts) {
      length += text.length;
      if (text.length > longest) longest = text.length;
    }
    this.longest = longest;
    this.#characters = new Uint16Array(length);
    let start = 0;
    for (let number = 0; number < texts.length; number++) {
      this.#add(texts[number]!, start, values[number]!);
      start += texts[number]!.length;
    }
  }

  /** The value of the text of two stretches, one behind the other; -1 when there is none. */
  find(first: Stretch, second: Stretch = nothing): number {
    const length = first.length + second.length;
    if (length > this.longest) return -1;
    const hash = mixed(hashed(hashed(seed, first), second));
    const slots = this.#slots;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = slotSize * slot;
      const value = slots[place + 3]!;
      if (value < 0) return -1;
      if (slots[place] !== hash || slots[place + 2] !== length) continue;
      const start = slots[place + 1]!;
      if (this.#equals(start, first) && this.#equals(start + first.length, second)) return value;
    }
  }

  #add(text: string, start: number, value: number): void {
    for (let index = 0; index < text.length; index++) this.#characters[start + index] = text.charCodeAt(index);
    const hash = mixed(hashed(seed, added.set(text)));
    let slot = hash & this.#mask;
    while (this.#slots[slotSize * slot + 3]! >= 0) slot = (slot + 1) & this.#mask;
    const place = slotSize * slot;
    this.#slots[place] = hash;
    this.#slots[place + 1] = start;
    this.#slots[place + 2] = text.length;
    this.#slots[place + 3] = value;
  }

  #equals(place: number, { text, start, end }: Stretch): boolean {
    const characters = this.#characters;
    for (let index = start, at = place; index < end; index++, at++) if (text.charCodeAt(index) !== characters[at]) return false;
    return true;
  }
}

const added = new Stretch();

function hashed(begin: number, { text, start, end }: Stretch): number {
  let hash = begin;
  for (let index = start; index < end; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

function mixed(value: number): number {
  const hash = Math.imul(value ^ (value >>> 13), 0x85eb_ca6b);
  return hash ^ (hash >>> 16);
}
