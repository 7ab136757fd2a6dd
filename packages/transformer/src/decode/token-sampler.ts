import { MemoryScope } from "@elastic-attention/core";
import { type Backend, maskWords, type SampledRow, type Tensor, type TokenSampling, uniformNumber } from "@elastic-attention/tensor";

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
  /** Subtracted from the logits of tokens that were drawn; 0 (default) is off. */
  readonly presencePenalty?: number;
  /** The same, once for each time a token was drawn; 0 (default) is off. */
  readonly frequencyPenalty?: number;
  /** Added to the logits of these tokens. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Tells the log-probability of each token, and of so many most likely ones, at most 20; undefined (default): of none. */
  readonly topLogProbabilities?: number | undefined;
  /** Same seed and same prompt give the same text at any batch size. Default 0. */
  readonly seed?: number;
}

/** Says which tokens may be drawn. Its methods must not throw; a failure of its own is to allow nothing. */
export interface TokenMasks {
  /**
   * For the next token, while its logits are computed: bit `token % 32` of word `token >> 5` is 1 where a token may be drawn;
   * undefined: all may. May be asked twice for one token, when a step has failed.
   *
   * @param draws tokens that the sampler has drawn
   */
  nextMask(draws: number): Int32Array | undefined;
  /** A token has been drawn; of a sampler that begins again, once more. @returns whether the text is complete with it, or the token is refused after all */
  drawn(token: number, draws: number): "more" | "last" | "refused";
}

/** A token that a sampler has drawn. */
export interface Draw {
  /** -1: there was none to draw. */
  readonly token: number;
  /** Whether its masks say that the text is complete. */
  readonly isLast: boolean;
  /** Where they are asked for. */
  readonly logProbabilities: TokenLogProbabilities | undefined;
}

/** Natural logarithms of probabilities, from the logits as the model gave them. */
export interface TokenLogProbabilities {
  readonly logProbability: number;
  /** The most likely tokens. */
  readonly top: readonly { readonly token: number; readonly logProbability: number }[];
}

type SamplingParameters = Omit<TokenSampling, "uniform">;

/**
 * What one sequence's draws depend on, kept where the logits are, so that only the token comes back: its parameters, how
 * many tokens it drew, and what its penalties, its bias and its mask need.
 */
export class TokenSampler implements Disposable {
  readonly #parameters: SamplingParameters;
  readonly #seed: number;
  readonly #scope: MemoryScope;
  readonly #seen: Tensor | undefined;
  readonly #counts: Tensor | undefined;
  readonly #bias: Tensor | undefined;
  readonly #mask: Tensor | undefined;
  readonly topLogProbabilities: number | undefined;
  #masked = false;
  #draws = 0;

  /**
   * @param promptTokens what counts as seen from the start.
   * @throws OutOfMemoryError
   */
  constructor(
    backend: Backend,
    vocabularySize: number,
    parameters: TokenSamplerParameters = {},
    promptTokens: Iterable<number> = [],
    private readonly masks?: TokenMasks,
  ) {
    const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = parameters;
    const { logitBias, topLogProbabilities, seed = 0 } = parameters;
    this.#parameters = { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty };
    this.#seed = seed;
    this.topLogProbabilities = topLogProbabilities;
    using scope = new MemoryScope();
    if (repetitionPenalty !== 1) {
      const seen = new Uint8Array(vocabularySize);
      for (const token of promptTokens) seen[token] = 1;
      this.#seen = scope.track(backend.upload(seen, [1, vocabularySize], "u8"));
    }
    if (presencePenalty !== 0 || frequencyPenalty !== 0) {
      this.#counts = scope.track(backend.upload(new Int32Array(vocabularySize), [1, vocabularySize], "i32"));
    }
    if (logitBias !== undefined && logitBias.size > 0) {
      const bias = new Float32Array(vocabularySize);
      for (const [token, added] of logitBias) bias[token] = added;
      this.#bias = scope.track(backend.upload(bias, [1, vocabularySize], "f32"));
    }
    if (masks !== undefined) this.#mask = scope.track(backend.allocate([1, maskWords(vocabularySize)], "i32"));
    this.#scope = scope.move();
  }

  /** Tokens drawn so far. */
  get draws(): number {
    return this.#draws;
  }

  /** Whether a draw changes what the next one depends on, so that a step that failed cannot be taken again. */
  get remembersDraws(): boolean {
    return this.#seen !== undefined || this.#counts !== undefined;
  }

  /** Whether each draw depends on its logits alone, so that several can be made before one knows which of them count. */
  get drawsAhead(): boolean {
    return !this.remembersDraws && this.masks === undefined;
  }

  /** Gets the mask of the next draw to where the logits will be. */
  prepare(): void {
    const words = this.masks?.nextMask(this.#draws);
    this.#masked = words !== undefined;
    if (words !== undefined) this.#mask!.backend.write(this.#mask!, words);
  }

  /** A draw to come, after {@link prepare}. Asking twice without {@link drawn} gives the same. @param ahead draws before it */
  row(ahead = 0): SampledRow {
    const sampling = { ...this.#parameters, uniform: uniformNumber(this.#seed, this.#draws + ahead) };
    return { sampling, seen: this.#seen, counts: this.#counts, bias: this.#bias, mask: this.#masked ? this.#mask : undefined };
  }

  /** Counts the next draw. @param token -1: there was none */
  drawn(token: number, logProbabilities: TokenLogProbabilities | undefined): Draw {
    const verdict = token === -1 ? "refused" : (this.masks?.drawn(token, this.#draws) ?? "more");
    if (verdict === "refused") return { token: -1, isLast: true, logProbabilities: undefined };
    this.#draws += 1;
    return { token, isLast: verdict === "last", logProbabilities };
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
