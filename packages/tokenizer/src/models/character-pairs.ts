const bits = 2 ** 21;

/**
 * Which two characters stand side by side in some token. Where two do that never do, no merge crosses: a text can be cut
 * there without changing its tokens. Answers "maybe" for a few pairs more, since pairs share bits.
 */
export class CharacterPairs {
  readonly #words = new Int32Array(bits / 32);

  add(token: string): void {
    for (let index = 1; index < token.length; index++) {
      const bit = bitOf(token.charCodeAt(index - 1), token.charCodeAt(index));
      this.#words[bit >> 5]! |= 1 << (bit & 31);
    }
  }

  mayHave(first: number, second: number): boolean {
    const bit = bitOf(first, second);
    return (this.#words[bit >> 5]! & (1 << (bit & 31))) !== 0;
  }
}

function bitOf(first: number, second: number): number {
  const hash = Math.imul((first << 16) | second, 0x9e37_79b1);
  return (hash ^ (hash >>> 15)) & (bits - 1);
}
