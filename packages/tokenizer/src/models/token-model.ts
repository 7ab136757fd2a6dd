import type { TokenBuffer } from "../token-buffer.js";

/** Looks up one piece of a text. */
export interface TokenModel {
  readonly vocabulary: Vocabulary;
  /**
   * How many UTF-16 units of a piece one token can stand for; Infinity where characters without a token go away or many of
   * them are one unknown token.
   * @param ofBytes whether pieces are made of the printable characters that stand for bytes.
   */
  mostUnitsPerToken(ofBytes: boolean): number;
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
