import type { TokenConstraint, TokenConstraintContext } from "@elastic-attention/generation";
import { TokenTexts } from "./token-texts.js";

export const thoughtsEnd = "</think>";

/** Lets a model think, and holds what it writes behind its thoughts to a constraint. */
export class AfterThoughts implements TokenConstraint {
  readonly #texts: TokenTexts;
  #tail = "";
  #isThinking = true;

  constructor(
    private readonly context: TokenConstraintContext,
    private readonly held: TokenConstraint,
  ) {
    this.#texts = TokenTexts.of(context);
  }

  get done(): boolean {
    return !this.#isThinking && this.held.done;
  }

  /** Thoughts cannot be all of the answer, and nothing comes in one token with their end. */
  nextMask(): Int32Array | undefined {
    if (!this.#isThinking) return this.held.nextMask();
    const { endOfText } = this.context;
    const rests = restsOf(this.#tail, thoughtsEnd);
    return this.#texts.allBut(`thoughts ${rests.join(" ")}`, (text, id) => endOfText.has(id) || passes(text, thoughtsEnd, rests));
  }

  accept(token: number): void {
    if (!this.#isThinking) return this.held.accept(token);
    this.#tail = (this.#tail + this.#texts.text(token)).slice(-thoughtsEnd.length);
    this.#isThinking = this.#tail !== thoughtsEnd;
  }

  dispose(): void {
    this.held.dispose?.();
  }
}

/** What is missing of a marker whose beginning a text ends with, for each such beginning. */
export function restsOf(tail: string, marker: string): string[] {
  const rests: string[] = [];
  for (let length = Math.min(tail.length, marker.length - 1); length > 0; length--) {
    if (tail.endsWith(marker.slice(0, length))) rests.push(marker.slice(length));
  }
  return rests;
}

/** Whether a token's text completes a marker and goes on behind it. */
export function passes(text: string, marker: string, rests: readonly string[]): boolean {
  const inside = text.indexOf(marker);
  if (inside >= 0 && inside + marker.length < text.length) return true;
  return rests.some((rest) => text.length > rest.length && text.startsWith(rest));
}
