import type { SequenceCache } from "@elastic-attention/attention";
import { PromptError } from "@elastic-attention/core";
import type { ModelSpec } from "../../model/model-spec.js";

/**
 * The tokens of sequences that may have to be read again: with longrope, keys of a sequence that outgrows the original context
 * length were rotated by angles that no longer hold. Nothing is kept for other models, nor beyond that length.
 */
export class SequenceHistories {
  /** Lengths beyond which all angles change, ascending. */
  readonly #limits: readonly number[];
  readonly #sequences = new WeakMap<SequenceCache, History>();

  constructor({ layers }: Pick<ModelSpec, "layers">) {
    const limits = layers.flatMap(({ rope }) => (rope?.type === "longrope" ? [rope.originalContextLength] : []));
    this.#limits = [...new Set(limits)].toSorted((a, b) => a - b);
  }

  /** Whether what a cache holds must be read again before it grows to so many tokens. */
  mustReadAgain(cache: SequenceCache, length: number): boolean {
    if (cache.length === 0) return false;
    const known = this.#sequences.get(cache)?.rotaryLength ?? cache.length;
    return this.#limits.some((limit) => known <= limit && length > limit);
  }

  /** Tokens that a cache can grow by until what it holds must be read again. */
  roomOf(cache: SequenceCache): number {
    const known = this.#sequences.get(cache)?.rotaryLength ?? cache.length;
    return (this.#limits.find((limit) => known <= limit) ?? Infinity) - cache.length;
  }

  /** What a cache holds. @throws PromptError for a cache that another model object filled */
  tokensOf(cache: SequenceCache): readonly number[] {
    const tokens = this.#sequences.get(cache)?.tokens ?? [];
    if (tokens.length !== cache.length) {
      throw new PromptError(
        `The sequence of ${cache.length} tokens must be read again to outgrow the model's original context length, and its tokens are not known.`,
        "Prefill it as a whole, in a new cache.",
      );
    }
    return tokens;
  }

  /** Remembers tokens that have been added to a cache, its last ones, and the length that their angles were chosen for. */
  add(cache: SequenceCache, tokens: ArrayLike<number>, rotaryLength: number): void {
    const longest = this.#limits.at(-1);
    if (longest === undefined) return;
    const before = cache.length - tokens.length;
    const known = before === 0 ? [] : (this.#sequences.get(cache)?.tokens ?? []);
    // A step that was taken back and again: what it added is added anew.
    if (known.length > before) known.length = before;
    const keeps = known.length === before && rotaryLength <= longest;
    if (keeps) for (let i = 0; i < tokens.length; i++) known.push(tokens[i]!);
    this.#sequences.set(cache, { tokens: keeps ? known : [], rotaryLength });
  }

  /** A copy of a cache holds the same tokens. */
  fork(from: SequenceCache, copy: SequenceCache): void {
    const history = this.#sequences.get(from);
    if (history !== undefined) this.#sequences.set(copy, { ...history, tokens: history.tokens.slice() });
  }
}

interface History {
  /** Empty once they can no longer be asked for. */
  readonly tokens: number[];
  readonly rotaryLength: number;
}
