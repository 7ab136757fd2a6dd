import { type Backend, type Tensor, type TokenSampling, uniformNumber } from "@elastic-attention/tensor";

/** How a sequence draws its tokens; the defaults are greedy. */
export interface TokenSamplerParameters {
  /** 0 (default) is greedy. */
  readonly temperature?: number;
  /** Keep the k most likely tokens; 0 (default) keeps all. */
  readonly topK?: number;
  /** Keep the smallest set of tokens whose probability reaches this; 1 (default) keeps all. */
  readonly topP?: number;
  /** Drop tokens less likely than this share of the most likely one; 0 (default) drops none. */
  readonly minP?: number;
  /** Divides (or multiplies, when negative) the logits of tokens already seen; 1 (default) is off. */
  readonly repetitionPenalty?: number;
  /** Same seed and same prompt give the same text at any batch size. Default 0. */
  readonly seed?: number;
}

/**
 * What one sequence's draws depend on, kept where the logits are, so that only the token comes back: its parameters, how
 * many tokens it drew, and, for a repetition penalty, the tokens it has seen.
 */
export class TokenSampler implements Disposable {
  readonly #parameters: Required<TokenSamplerParameters>;
  /** u8 [1, vocabulary]; only with a repetition penalty. */
  readonly seen: Tensor | undefined;
  #draws = 0;

  /**
   * @param promptTokens what counts as seen from the start.
   * @throws OutOfMemoryError
   */
  constructor(backend: Backend, vocabularySize: number, parameters: TokenSamplerParameters = {}, promptTokens: Iterable<number> = []) {
    const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, seed = 0 } = parameters;
    this.#parameters = { temperature, topK, topP, minP, repetitionPenalty, seed };
    if (repetitionPenalty === 1) return;
    const seen = new Uint8Array(vocabularySize);
    for (const token of promptTokens) seen[token] = 1;
    this.seen = backend.upload(seen, [1, vocabularySize], "u8");
  }

  /** Tokens drawn so far. */
  get draws(): number {
    return this.#draws;
  }

  /** The next draw. Asking twice without {@link drawn} gives the same. */
  get sampling(): TokenSampling {
    const { seed, ...parameters } = this.#parameters;
    return { ...parameters, uniform: uniformNumber(seed, this.#draws) };
  }

  /** Counts the draw. */
  drawn(): void {
    this.#draws += 1;
  }

  [Symbol.dispose](): void {
    this.seen?.dispose();
  }
}
