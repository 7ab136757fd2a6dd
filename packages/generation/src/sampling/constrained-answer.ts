import { ElasticAttentionError, TokenConstraintError } from "@elastic-attention/core";
import { maskWords } from "@elastic-attention/tensor";
import type { TokenMasks } from "@elastic-attention/transformer";
import { messageOf, type TokenConstraint } from "./token-constraint.js";

/**
 * The masks of one answer under its constraint. A failure of the constraint is its answer's own: the mask then allows
 * nothing, and {@link problem} says why.
 */
export class ConstrainedAnswer implements TokenMasks {
  /** What the constraint has taken: where the model begins again, or a step is taken again, it has to give the same. */
  readonly #taken: number[] = [];
  #problem: Error | undefined;

  constructor(
    private readonly name: string,
    private readonly constraint: TokenConstraint,
    private readonly vocabularySize: number,
  ) {}

  /** Why no token could be drawn, where that is the constraint's fault. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  nextMask(draws: number): Int32Array | undefined {
    const known = this.#taken[draws];
    // What the reader has already comes again, whatever rounding has done to the logits.
    if (known !== undefined) return this.#only(known);
    try {
      const mask = this.constraint.nextMask();
      if (mask !== undefined) this.#check(mask);
      return mask;
    } catch (cause) {
      this.#problem = this.#failure("cannot say which tokens may come next", cause);
      return new Int32Array(maskWords(this.vocabularySize));
    }
  }

  drawn(token: number, draws: number): "more" | "last" | "refused" {
    try {
      if (draws === this.#taken.length) {
        this.constraint.accept(token);
        this.#taken.push(token);
      }
      return draws + 1 === this.#taken.length && this.constraint.done ? "last" : "more";
    } catch (cause) {
      this.#problem = this.#failure(`does not take token ${token}`, cause);
      return "refused";
    }
  }

  #check(mask: Int32Array): void {
    const words = maskWords(this.vocabularySize);
    if (!(mask instanceof Int32Array) || mask.length !== words) {
      const found = mask instanceof Int32Array ? `${mask.length}` : typeof mask;
      throw new TokenConstraintError(this.name, `must give masks of ${words} words in an Int32Array, found ${found}.`);
    }
    const rest = this.vocabularySize % 32;
    // Bits behind the vocabulary stand for nothing.
    const last = rest === 0 ? -1 : 2 ** rest - 1;
    if (mask.some((word, index) => (index === words - 1 ? word & last : word) !== 0)) return;
    throw new TokenConstraintError(this.name, "allows no token here.", { hint: "The model's tokenizer cannot go on as the constraint wants, or the constraint should have been done." });
  }

  #only(token: number): Int32Array {
    const mask = new Int32Array(maskWords(this.vocabularySize));
    mask[token >> 5] = 1 << (token & 31);
    return mask;
  }

  #failure(problem: string, cause: unknown): Error {
    if (ElasticAttentionError.isInstance(cause)) return cause;
    return new TokenConstraintError(this.name, `${problem}: ${messageOf(cause)}.`, { cause });
  }
}
