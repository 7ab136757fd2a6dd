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

/** Numbers of texts by their content: a hash table over typed arrays, since half a million lookups belong to reading a large file. */
export class TokenTable {
  /** Units of the longest text. */
  readonly longest: number;
  readonly #characters: Uint16Array;
  /** Where each text begins among the characters; one more than there are texts. */
  readonly #starts: Int32Array;
  /** The number of a text plus one, 0 for a free slot, and its hash. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** @param texts all different; each gets its place in the list as its number. */
  constructor(texts: readonly string[]) {
    let slots = 16;
    while (slots < 2 * texts.length) slots *= 2;
    this.#slots = new Int32Array(2 * slots);
    this.#mask = slots - 1;
    this.#starts = new Int32Array(texts.length + 1);
    let length = 0;
    let longest = 0;
    for (let number = 0; number < texts.length; number++) {
      const size = texts[number]!.length;
      length += size;
      if (size > longest) longest = size;
      this.#starts[number + 1] = length;
    }
    this.longest = longest;
    this.#characters = new Uint16Array(length);
    for (let number = 0; number < texts.length; number++) this.#add(texts[number]!, number);
  }

  /** The number of the text of two stretches, one behind the other; -1 when there is none. */
  find(first: Stretch, second: Stretch = nothing): number {
    const length = first.length + second.length;
    if (length > this.longest) return -1;
    const hash = mixed(hashed(hashed(seed, first), second));
    const slots = this.#slots;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const number = slots[2 * slot]! - 1;
      if (number < 0) return -1;
      if (slots[2 * slot + 1] !== hash) continue;
      const start = this.#starts[number]!;
      if (this.#starts[number + 1]! - start === length && this.#equals(start, first) && this.#equals(start + first.length, second)) return number;
    }
  }

  #add(text: string, number: number): void {
    const start = this.#starts[number]!;
    for (let index = 0; index < text.length; index++) this.#characters[start + index] = text.charCodeAt(index);
    const hash = mixed(hashed(seed, added.set(text)));
    let slot = hash & this.#mask;
    while (this.#slots[2 * slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[2 * slot] = number + 1;
    this.#slots[2 * slot + 1] = hash;
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
