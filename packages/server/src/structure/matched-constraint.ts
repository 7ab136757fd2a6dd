import { TokenConstraintError } from "@elastic-attention/core";
import type { TokenConstraint } from "@elastic-attention/generation";
import type { CompiledGrammar, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import { loadGrammars } from "./load-grammars.js";
import type { TextLimits } from "./text-limits.js";
import type { TokenTexts } from "./token-texts.js";

/** Limits that the grammar does not count, and the texts of the tokens by which they are counted. */
export interface CountedTexts {
  readonly limits: TextLimits;
  readonly texts: TokenTexts;
}

/** Holds what follows to a grammar. */
export class MatchedConstraint implements TokenConstraint {
  #mask: Int32Array | undefined;
  #failure: unknown;

  private constructor(
    private readonly name: string,
    private readonly matcher: GrammarMatcher,
    private readonly counted: CountedTexts | undefined,
  ) {}

  /**
   * @param name of the constraint, for errors
   * @param endsByItself whether it is done with the grammar's last token, not with a token that ends the text
   */
  static async make(name: string, grammar: CompiledGrammar, endsByItself: boolean, counted?: CountedTexts): Promise<MatchedConstraint> {
    const constraint = new MatchedConstraint(name, await loadGrammars().GrammarMatcher.createGrammarMatcher(grammar, undefined, endsByItself), counted);
    await constraint.#prepare();
    return constraint;
  }

  get done(): boolean {
    return this.matcher.isTerminated();
  }

  nextMask(): Int32Array {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#mask === undefined) throw new TokenConstraintError(this.name, "was asked before its mask was there.");
    return this.#withinLimits(this.#mask);
  }

  accept(token: number): void {
    if (!this.matcher.acceptToken(token)) throw new TokenConstraintError(this.name, `does not take token ${token}.`);
    this.counted?.limits.push(this.counted.texts.text(token));
    void this.#prepare();
  }

  /** Begins again. */
  restart(): void {
    this.matcher.reset();
    this.counted?.limits.restart();
    void this.#prepare();
  }

  dispose(): void {
    this.matcher.dispose();
  }

  #withinLimits(mask: Int32Array): Int32Array {
    const { limits, texts } = this.counted ?? {};
    const left = limits?.left;
    if (left === undefined || left > longestToken) return mask;
    const fitting = texts!.allBut(`${left} characters`, (text) => !limits!.fits(text, left));
    return fitting === undefined ? mask : mask.map((word, index) => word & fitting[index]!);
  }

  /** Computes the next mask. The library answers by a promise that waits for nothing: it is kept before a step can have ended. */
  async #prepare(): Promise<void> {
    this.#mask = undefined;
    if (this.done) return;
    try {
      this.#mask = await this.matcher.getNextTokenBitmask();
    } catch (error) {
      this.#failure = error;
    }
  }
}

/** Characters of a token at most, and of an escape that it begins; longer ones do not come where texts have limits. */
const longestToken = 300;
