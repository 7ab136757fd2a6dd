/** What turns text into token ids and back, with the special tokens that it knows. */
export interface TokenCodec {
  /** Tokens that mark structure rather than text, by id. */
  readonly specialTokens: ReadonlyMap<number, string>;
  /**
   * Special tokens written out in the text are recognised. What the vocabulary has no token for gives undefined or null.
   * @param addSpecialTokens whether to put begin-of-text and the like around it.
   */
  encode(text: string, addSpecialTokens: boolean): readonly (number | null | undefined)[];
  /** Text of ids of the vocabulary, at least one. */
  decode(ids: readonly number[]): string;
  /** Undefined for what is no token. */
  tokenId(token: string): number | undefined;
  /** Undefined for ids outside the vocabulary. */
  token(id: number): string | undefined;
}

/** A tokenizer whose codec is made already. */
export interface TokenizerParts {
  readonly codec: TokenCodec;
  /** Special tokens for the chat template, as tokenizer_config.json names them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Source of the chat template. */
  readonly chatTemplate: string | undefined;
  /** Ids at which an answer ends. */
  readonly endOfText: readonly number[];
}
