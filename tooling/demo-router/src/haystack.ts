import type { Tokenizer } from "@elastic-attention/generation";
import type { SeededRandom } from "./seeded-random.js";
import type { Split, TextKind, Texts } from "./texts.js";

/** The texts as token ids, and where a sentence ends in them. */
export class Haystack {
  readonly #ids: Readonly<Record<TextKind, Int32Array>>;
  readonly #endsSentence = new Map<number, boolean>();
  readonly #known = new Map<string, Int32Array>();

  constructor(
    readonly tokenizer: Tokenizer,
    readonly texts: Texts,
    readonly split: Split,
  ) {
    const encode = (kind: TextKind) => this.#concatenate(texts.documents[kind][split].flatMap((text) => pieces(text)));
    this.#ids = { prose: encode("prose"), technical: encode("technical"), code: encode("code") };
  }

  get questions(): Texts["questions"][Split] {
    return this.texts.questions[this.split];
  }

  /** Ids of a short text; texts that come back are encoded once. */
  encode(text: string): Int32Array {
    let ids = this.#known.get(text);
    if (ids === undefined) {
      ids = this.tokenizer.encode(text, { addSpecialTokens: false });
      if (this.#known.size < 50_000) this.#known.set(text, ids);
    }
    return ids;
  }

  decode(ids: Iterable<number>): string {
    return this.tokenizer.decode(ids);
  }

  /** `length` ids from a random place. */
  slice(random: SeededRandom, kind: TextKind, length: number): Int32Array {
    const ids = this.#ids[kind];
    const start = random.between(0, Math.max(1, ids.length - length));
    return ids.slice(start, start + length);
  }

  /** Puts the inserts at ends of sentences spread over the base, in their order, and gives the text. */
  weave(random: SeededRandom, base: Int32Array, inserts: readonly Int32Array[]): string {
    const ends = [...base.keys()].flatMap((index) => (this.#ends(base[index]!) ? [index + 1] : []));
    if (ends.length === 0) ends.push(base.length);
    const places = inserts.map(() => random.choice(ends)).sort((a, b) => a - b);
    const parts: Int32Array[] = [];
    let last = 0;
    for (const [index, place] of places.entries()) {
      parts.push(base.slice(last, place), inserts[index]!);
      last = place;
    }
    parts.push(base.slice(last));
    return this.decode(parts.flatMap((part) => Array.from(part)));
  }

  #ends(id: number): boolean {
    let ends = this.#endsSentence.get(id);
    if (ends === undefined) {
      ends = /(\.|!|\?|\."|\n)$/.test(this.decode([id]));
      this.#endsSentence.set(id, ends);
    }
    return ends;
  }

  #concatenate(texts: readonly string[]): Int32Array {
    const parts = texts.map((text) => this.tokenizer.encode(text, { addSpecialTokens: false }));
    const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** Parts that the tokenizer takes quickly. */
function pieces(text: string): string[] {
  return Array.from({ length: Math.ceil(text.length / 20_000) }, (_, index) => text.slice(20_000 * index, 20_000 * (index + 1)));
}
