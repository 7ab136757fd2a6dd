import type { TokenBuffer } from "../token-buffer.js";

/** Looks up one piece of a text. */
export interface TokenModel {
  readonly vocabulary: Vocabulary;
  /** @throws TokenizerError for a piece that has no tokens where the vocabulary has no unknown token */
  encode(piece: string, ids: TokenBuffer): void;
}

/** Tokens by id and ids by token. */
export interface Vocabulary {
  /** How many tokens there are: with holes fewer than the highest id plus one. */
  readonly size: number;
  id(token: string): number | undefined;
  token(id: number): string | undefined;
}
