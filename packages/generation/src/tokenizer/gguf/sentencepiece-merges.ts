import { MergeHeap } from "./merge-heap.js";

/** A pair of numbers of symbols as one number: there are fewer than 2^26 of them. */
const mostSymbols = 2 ** 26;
/** Pairs that are kept; more are looked up anew. */
const keptPairs = 1 << 20;
const noSymbol = -1;

/**
 * Cuts texts into pieces as a sentencepiece BPE vocabulary does: from single characters on, the pair of neighbours whose
 * union has the highest score is merged, of equal ones the leftmost, until no union is a piece. n log n in the length of
 * a text.
 */
export class SentencepieceMerger {
  /** Pieces of the vocabulary, then characters that are no piece. */
  readonly #texts: string[];
  readonly #symbols = new Map<string, number>();
  /** By the number of a piece; equal scores have equal ranks, the highest 0. */
  readonly #ranks: Int32Array;
  readonly #pieces: number;
  /** The piece that two symbols make, by their numbers; -1: none. */
  readonly #unions = new Map<number, number>();

  /** @param pieces every piece with its score. */
  constructor(pieces: ReadonlyMap<string, number>) {
    this.#texts = [...pieces.keys()];
    this.#pieces = this.#texts.length;
    this.#texts.forEach((text, symbol) => this.#symbols.set(text, symbol));
    const ranks = new Map([...new Set(pieces.values())].toSorted((one, other) => other - one).map((score, rank) => [score, rank]));
    this.#ranks = Int32Array.from(pieces.values(), (score) => ranks.get(score)!);
  }

  /** The pieces of a text in order; a character that is no piece stands alone. */
  cut(text: string): string[] {
    const symbols = new Int32Array(text.length);
    let count = 0;
    for (const character of text) symbols[count++] = this.#symbolOf(character);
    this.#merge(symbols.subarray(0, count));
    const pieces: string[] = [];
    for (let place = 0; place < count; place++) if (symbols[place] !== noSymbol) pieces.push(this.#texts[symbols[place]!]!);
    return pieces;
  }

  /** Leaves a merged pair's piece in the place of its left symbol, and no symbol in the place of the right one. */
  #merge(symbols: Int32Array): void {
    const count = symbols.length;
    const previous = Int32Array.from(symbols, (_, place) => place - 1);
    const next = Int32Array.from(symbols, (_, place) => place + 1);
    const heap = new MergeHeap();
    const offer = (left: number, right: number): void => {
      if (left < 0 || right >= count) return;
      const union = this.#union(symbols[left]!, symbols[right]!);
      if (union !== noSymbol) heap.push(this.#ranks[union]!, left);
    };
    for (let place = 0; place + 1 < count; place++) offer(place, place + 1);
    while (heap.pop()) {
      const { place: left, rank } = heap;
      const right = next[left]!;
      if (symbols[left] === noSymbol || right >= count) continue;
      // One of the two was merged with another since, unless what they make now has the same rank: then it is its turn.
      const union = this.#union(symbols[left]!, symbols[right]!);
      if (union === noSymbol || this.#ranks[union] !== rank) continue;
      symbols[left] = union;
      symbols[right] = noSymbol;
      const after = next[right]!;
      next[left] = after;
      if (after < count) previous[after] = left;
      offer(previous[left]!, left);
      offer(left, after);
    }
  }

  #symbolOf(character: string): number {
    const known = this.#symbols.get(character);
    if (known !== undefined) return known;
    this.#symbols.set(character, this.#texts.length);
    return this.#texts.push(character) - 1;
  }

  #union(left: number, right: number): number {
    const key = left * mostSymbols + right;
    const known = this.#unions.get(key);
    if (known !== undefined) return known;
    const symbol = this.#symbols.get(this.#texts[left]! + this.#texts[right]!);
    const union = symbol === undefined || symbol >= this.#pieces ? noSymbol : symbol;
    if (this.#unions.size >= keptPairs) this.#unions.clear();
    this.#unions.set(key, union);
    return union;
  }
}
