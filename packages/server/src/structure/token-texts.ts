import type { TokenConstraintContext, Tokenizer } from "@elastic-attention/generation";

/** Texts of a model's tokens and masks over them, made once for a model. */
export class TokenTexts {
  readonly #texts: readonly string[];
  readonly #masks = new Map<string, Int32Array | undefined>();

  /** Whether the vocabulary writes each byte beyond ASCII as a character. */
  readonly areBytes: boolean;

  private constructor({ tokenizer, vocabularySize }: TokenConstraintContext) {
    this.areBytes = tokenizer.tokenId("Ġ") !== undefined;
    this.#texts = Array.from({ length: vocabularySize }, (_, id) => textOf(tokenizer.token(id) ?? ""));
  }

  static of(context: TokenConstraintContext): TokenTexts {
    const known = made.get(context.tokenizer) ?? new TokenTexts(context);
    made.set(context.tokenizer, known);
    return known;
  }

  /** White space as characters; what is not ASCII stays as the vocabulary writes it. */
  text(id: number): string {
    return this.#texts[id] ?? "";
  }

  /** A mask of all tokens but those that `isRefused`; undefined where it refuses none. @param key names the question: it is answered once */
  allBut(key: string, isRefused: (text: string, id: number) => boolean): Int32Array | undefined {
    if (this.#masks.has(key)) return this.#masks.get(key);
    const refused = this.ids(isRefused);
    const mask = refused.length === 0 ? undefined : this.#all();
    for (const id of refused) mask![id >> 5]! &= ~(1 << (id & 31));
    this.#masks.set(key, mask);
    return mask;
  }

  ids(matches: (text: string, id: number) => boolean): number[] {
    return this.#texts.flatMap((text, id) => (matches(text, id) ? [id] : []));
  }

  /** A mask of these tokens alone. */
  only(ids: Iterable<number>): Int32Array {
    const mask = new Int32Array(this.#words);
    for (const id of ids) mask[id >> 5]! |= 1 << (id & 31);
    return mask;
  }

  #all(): Int32Array {
    const mask = new Int32Array(this.#words).fill(-1);
    const rest = this.#texts.length % 32;
    if (rest !== 0) mask[mask.length - 1] = 2 ** rest - 1;
    return mask;
  }

  get #words(): number {
    return Math.ceil(this.#texts.length / 32);
  }
}

const made = new WeakMap<Tokenizer, TokenTexts>();

function textOf(token: string): string {
  // A byte within a character is a character that counts for nothing.
  if (/^<0x[89AB][0-9A-F]>$/.test(token)) return "\u0080";
  if (/^<0x[CDEF][0-9A-F]>$/.test(token)) return "\u00ff";
  return token.replaceAll(/[Ġ▁]/g, " ").replaceAll(/Ċ|^<0x0A>$/g, "\n");
}
