import { TokenConstraintError } from "@elastic-attention/core";
import type { TokenConstraint } from "@elastic-attention/generation";
import type { CompiledGrammar, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import { loadGrammars } from "./load-grammars.js";

/** Holds what follows to a grammar. */
export class MatchedConstraint implements TokenConstraint {
  #mask: Int32Array | undefined;
  #failure: unknown;

  private constructor(
    private readonly name: string,
    private readonly matcher: GrammarMatcher,
  ) {}

  /**
   * @param name of the constraint, for errors
   * @param endsByItself whether it is done with the grammar's last token, not with a token that ends the text
   */
  static async make(name: string, grammar: CompiledGrammar, endsByItself: boolean): Promise<MatchedConstraint> {
    const constraint = new MatchedConstraint(name, await loadGrammars().GrammarMatcher.createGrammarMatcher(grammar, undefined, endsByItself));
    await constraint.#prepare();
    return constraint;
  }

  get done(): boolean {
    return this.matcher.isTerminated();
  }

  nextMask(): Int32Array {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#mask === undefined) throw new TokenConstraintError(this.name, "was asked before its mask was there.");
    return this.#mask;
  }

  accept(token: number): void {
    if (!this.matcher.acceptToken(token)) throw new TokenConstraintError(this.name, `does not take token ${token}.`);
    void this.#prepare();
  }

  /** Begins again. */
  restart(): void {
    this.matcher.reset();
    void this.#prepare();
  }

  dispose(): void {
    this.matcher.dispose();
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
