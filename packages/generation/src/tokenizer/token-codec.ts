import type { DecodeOptions, EncodeOptions } from "@elastic-attention/tokenizer";

/** Turns tokens into text one by one; the sum of the pieces is the text of all tokens. */
export interface TokenTextStream {
  /** The text that is certain with this token, whole characters only. */
  push(id: number): string;
  /** What is left when no token follows. */
  end(): string;
}

/** What turns text into token ids and back, with the special tokens that it knows. */
export interface TokenCodec {
  /** Tokens that mark structure rather than text, by id. */
  readonly specialTokens: ReadonlyMap<number, string>;
  /**
   * Special tokens written out in the text are recognised.
   * @throws TokenizerError for text that the vocabulary has no token for, and for more tokens than the limit
   */
  encode(text: string, options: EncodeOptions): Int32Array;
  /** Ids outside the vocabulary give no text. */
  decodeStream(options: DecodeOptions): TokenTextStream;
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
