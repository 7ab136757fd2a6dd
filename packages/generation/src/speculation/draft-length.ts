/** Tokens of the first draft: with the last token of a sequence a step takes 4. */
const firstLength = 3;

/** Up to here a draft costs a processor little: longer ones have to be right twice in a row. */
const easyLength = 7;

/** Steps without a draft at most, after drafts that were wrong from their first token on. */
const longestPause = 15;

/**
 * How long drafts are, by how many of their tokens were right. With the token before them drafts are powers of two, for which
 * devices keep decode steps ready.
 */
export class DraftLength {
  #length: number;
  /** Drafts in a row that were right to the end, or wrong from the beginning on. */
  #hits = 0;
  #misses = 0;
  #pause = 0;

  constructor(private readonly most: number) {
    this.#length = Math.min(firstLength, most);
  }

  /** Tokens that the next step's draft may have. */
  get next(): number {
    return this.#pause > 0 ? 0 : this.#length;
  }

  /** A step without a draft was taken. */
  stepped(): void {
    if (this.#pause > 0) this.#pause -= 1;
  }

  /** @param drafted tokens of a draft @param accepted those at its beginning that were right */
  drafted(drafted: number, accepted: number): void {
    this.#hits = accepted === drafted ? this.#hits + 1 : 0;
    this.#misses = accepted === 0 ? this.#misses + 1 : 0;
    if (this.#hits >= (this.#length < easyLength ? 1 : 2)) this.#length = Math.min(this.most, 2 * this.#length + 1);
    else if (accepted < drafted / 2) this.#length = Math.max(1, Math.floor(this.#length / 2));
    this.#pause = Math.min(longestPause, 2 ** Math.max(0, this.#misses - 1) - 1);
  }
}
