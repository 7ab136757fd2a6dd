import type { EvaluationTokenizer } from "../suite.js";

/** What pieces are counted behind unless said otherwise: the end of a sentence. */
const sentenceEnd = "x.";

/**
 * Tokens of pieces of text, each counted once. Where pieces meet at white space the counts of most vocabularies add up to
 * that of the whole text; `fitSamples` measures how far off they are.
 */
export class TokenCounter {
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(readonly tokenizer: EvaluationTokenizer) {}

  /**
   * Tokens that a piece adds behind other text; the result is kept.
   *
   * @param before text that the piece follows: a vocabulary may join a line break to the mark before it
   */
  count(piece: string, before: string = sentenceEnd): number {
    let counts = this.#counts.get(before);
    if (counts === undefined) this.#counts.set(before, (counts = new Map()));
    let tokens = counts.get(piece);
    if (tokens === undefined) counts.set(piece, (tokens = this.measure(piece, before)));
    return tokens;
  }

  /** The same for a piece that will not come again. */
  measure(piece: string, before: string = sentenceEnd): number {
    if (piece === "") return 0;
    return this.#length(before + piece) - this.#beforeLength(before);
  }

  readonly #befores = new Map<string, number>();

  #beforeLength(before: string): number {
    let length = this.#befores.get(before);
    if (length === undefined) this.#befores.set(before, (length = this.#length(before)));
    return length;
  }

  #length(text: string): number {
    return this.tokenizer.encode(text, { addSpecialTokens: false }).length;
  }
}

const counters = new WeakMap<EvaluationTokenizer, TokenCounter>();

/** The counter of a tokenizer: one, so that its counts serve all tasks. */
export function tokenCounter(tokenizer: EvaluationTokenizer): TokenCounter {
  let counter = counters.get(tokenizer);
  if (counter === undefined) counters.set(tokenizer, (counter = new TokenCounter(tokenizer)));
  return counter;
}
