/** Tokens that must agree for a draft: as many as this where they do, else one less, down to {@link leastMatch}. */
const mostMatch = 3;
const leastMatch = 2;

/** Tokens before a place that are compared, to choose among places. */
const longestContext = 32;

/** Tokens of an answer that there is room for at first. */
const firstRoom = 512;

/** Finds where a text has been before: the tokens that followed there are a guess of what follows now. */
export class NgramLookup {
  #tokens: Int32Array;
  #length: number;

  constructor(prompt: Int32Array) {
    this.#tokens = new Int32Array(prompt.length + firstRoom);
    this.#tokens.set(prompt);
    this.#length = prompt.length;
  }

  /** The text goes on with a token. */
  push(token: number): void {
    if (this.#length === this.#tokens.length) {
      const tokens = new Int32Array(2 * this.#length);
      tokens.set(this.#tokens);
      this.#tokens = tokens;
    }
    this.#tokens[this.#length++] = token;
  }

  /**
   * What followed the last tokens where they stood before; of several such places the one with the longest equal context, the
   * latest among equals. A repetition that reaches the end goes on as it began.
   *
   * @param count tokens to guess
   * @returns empty where the last tokens are new
   */
  next(count: number): number[] {
    const place = this.#find();
    if (place === undefined) return [];
    const period = this.#length - place;
    return Array.from({ length: count }, (_, index) => this.#tokens[place + (index % period)]!);
  }

  /** The place behind an earlier occurrence of the last tokens. */
  #find(): number | undefined {
    const [tokens, length] = [this.#tokens, this.#length];
    if (length <= leastMatch) return undefined;
    const [last, before] = [tokens[length - 1]!, tokens[length - 2]!];
    let best: number | undefined;
    let longest = leastMatch - 1;
    // The search for one number is the engine's own, and quick: everything else is looked at where it is found.
    for (let at = tokens.lastIndexOf(last, length - 2); at > 0; at = tokens.lastIndexOf(last, at - 1)) {
      if (tokens[at - 1] !== before) continue;
      const context = this.#contextAt(at, longest);
      if (context <= longest) continue;
      [best, longest] = [at + 1, context];
      if (context === longestContext) break;
    }
    return best;
  }

  /** How many tokens up to `at` are those at the end; less than more, without looking, where a context cannot be longer than `least`. */
  #contextAt(at: number, least: number): number {
    const [tokens, end] = [this.#tokens, this.#length - 1];
    if (least >= mostMatch && tokens[at - least] !== tokens[end - least]) return least;
    let context = leastMatch;
    while (context < longestContext && context <= at && tokens[at - context] === tokens[end - context]) context += 1;
    return context;
  }
}
