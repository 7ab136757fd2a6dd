import { RandomStream } from "@elastic-attention/generation";

/** Random choices that depend on a name and a seed only, so that a sample is the same whatever was made before it. */
export class SeededRandom {
  readonly #stream: RandomStream;

  constructor(name: string, seed: number) {
    // FNV-1a of the name, in the upper bits beside the seed.
    let hash = 0x811c9dc5;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    this.#stream = new RandomStream((hash >>> 11) * 2 ** 32 + (seed >>> 0));
  }

  /** Uniform in 0 … count - 1. */
  integer(count: number): number {
    return Math.floor(this.#stream.next() * count);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)]!;
  }

  /** `count` different items in random order (all of them when there are fewer). */
  sample<T>(items: readonly T[], count: number): T[] {
    if (count * 8 > items.length) {
      const moved = [...items];
      for (let index = 0; index < Math.min(count, items.length); index++) {
        const other = index + this.integer(items.length - index);
        [moved[index], moved[other]] = [moved[other]!, moved[index]!];
      }
      return moved.slice(0, count);
    }
    // Few of many: the same exchanges, of which only the touched places are kept.
    const moved = new Map<number, number>();
    const chosen: T[] = [];
    for (let index = 0; index < count; index++) {
      const other = index + this.integer(items.length - index);
      chosen.push(items[moved.get(other) ?? other]!);
      moved.set(other, moved.get(index) ?? index);
    }
    return chosen;
  }

  /** All items in random order. */
  shuffle<T>(items: readonly T[]): T[] {
    return this.sample(items, items.length);
  }

  /** `count` different numbers in 0 … below - 1, ascending. */
  ascending(below: number, count: number): number[] {
    return this.sample(
      Array.from({ length: below }, (_, index) => index),
      count,
    ).toSorted((left, right) => left - right);
  }

  letters(alphabet: string, count: number): string {
    return Array.from({ length: count }, () => alphabet[this.integer(alphabet.length)]).join("");
  }

  /** A version 4 UUID. */
  uuid(): string {
    const digits = this.letters("0123456789abcdef", 32);
    const variant = "89ab"[this.integer(4)];
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
  }
}
