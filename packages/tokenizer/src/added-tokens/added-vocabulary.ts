import { TokenizerError } from "@elastic-attention/core";
import type { Vocabulary } from "../models/token-model.js";
import { type AddedToken, sameToken } from "./added-token.js";
import { TokenFinder } from "./token-finder.js";

/**
 * The added tokens over a model's vocabulary. An id that a file gives counts only as far as the order of the tokens: as
 * in the reference, a token of the vocabulary keeps its id there, and every other gets the next free one.
 */
export class AddedVocabulary {
  readonly #ids = new Map<string, number>();
  readonly #tokens = new Map<number, AddedToken>();
  /** What is left of normalized tokens, by id. */
  readonly #normalized = new Map<number, string>();
  readonly #specialContents = new Set<string>();
  /** Tokens in the order in which they are sought. */
  readonly #special: AddedToken[] = [];
  readonly #others: AddedToken[] = [];
  #highest = -1;

  constructor(private readonly vocabulary: Vocabulary) {}

  add(tokens: readonly AddedToken[]): void {
    for (const token of tokens) {
      if (!token.special || token.content === "" || this.#specialContents.has(token.content)) continue;
      this.#special.push(token);
      this.#specialContents.add(token.content);
    }
    for (const token of tokens) if (token.content !== "") this.#addOne(token);
  }

  id(content: string): number | undefined {
    return this.#ids.get(content) ?? this.vocabulary.id(content);
  }

  /** A normalized token comes out as normalization leaves it. */
  token(id: number): string | undefined {
    return this.#normalized.get(id) ?? this.#tokens.get(id)?.content ?? this.vocabulary.token(id);
  }

  has(content: string): boolean {
    return this.#ids.has(content);
  }

  isSpecial(content: string): boolean {
    return this.#specialContents.has(content);
  }

  /** Special tokens by id. */
  specialTokens(): Map<number, string> {
    return new Map([...this.#specialContents].flatMap((content) => {
      const id = this.id(content);
      return id === undefined ? [] : [[id, content] as const];
    }));
  }

  /**
   * @param normalize what happens to a text before normalized tokens are sought.
   * @throws TokenizerError for a normalized token of which nothing is left
   */
  finders(normalize: (text: string) => string): { readonly plain: TokenFinder; readonly normalized: TokenFinder } {
    const flags = (id: number): AddedToken => this.#tokens.get(id)!;
    const [plain, normalized] = [new TokenFinder(flags), new TokenFinder(flags)];
    for (const token of [...this.#special, ...this.#others]) {
      const id = this.id(token.content)!;
      if (!token.normalized) {
        plain.add(token.content, id);
        continue;
      }
      const content = normalize(token.content);
      if (content === "") {
        throw new TokenizerError(`tokenizer.json: nothing is left of the added token ${JSON.stringify(token.content)} when it is normalized.`, {
          hint: 'Set "normalized" of this token to false.',
        });
      }
      normalized.add(content, id);
      this.#normalized.set(id, content);
    }
    return { plain, normalized };
  }

  #addOne(token: AddedToken): void {
    const id = this.id(token.content) ?? this.#nextId();
    const before = this.#tokens.get(id);
    if (before !== undefined && sameToken(before, token)) return;
    this.#ids.set(token.content, id);
    this.#tokens.set(id, token);
    this.#highest = Math.max(this.#highest, id);
    if (!this.#specialContents.has(token.content)) this.#others.push(token);
  }

  #nextId(): number {
    const { size } = this.vocabulary;
    return this.#ids.size > 0 && (this.#highest >= size || size === 0) ? this.#highest + 1 : size;
  }
}
