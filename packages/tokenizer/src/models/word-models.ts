import { TokenizerError } from "@elastic-attention/core";
import type { TokenBuffer } from "../token-buffer.js";
import type { MapVocabulary } from "./map-vocabulary.js";
import type { TokenModel } from "./token-model.js";

/** Every piece is a token or unknown. */
export class WordLevelModel implements TokenModel {
  constructor(
    readonly vocabulary: MapVocabulary,
    private readonly unknownToken: string,
  ) {}

  encode(piece: string, ids: TokenBuffer): void {
    ids.push(this.vocabulary.id(piece) ?? unknownId(this.vocabulary, this.unknownToken));
  }
}

export interface WordPieceOptions {
  readonly unknownToken: string;
  /** Stands in front of every part of a piece but the first. */
  readonly continuingSubwordPrefix: string;
  /** Longer pieces are unknown as a whole. */
  readonly maxInputCharsPerWord: number;
}

/** The longest token that a piece begins with, then the longest of the rest; unknown as a whole when it does not come out. */
export class WordPieceModel implements TokenModel {
  readonly #longest: number;

  constructor(
    readonly vocabulary: MapVocabulary,
    private readonly options: WordPieceOptions,
  ) {
    this.#longest = vocabulary.longest();
  }

  encode(piece: string, ids: TokenBuffer): void {
    const found = this.#parts(piece);
    if (found === undefined) ids.push(unknownId(this.vocabulary, this.options.unknownToken));
    else ids.pushAll(found);
  }

  #parts(piece: string): number[] | undefined {
    if (hasMoreCharacters(piece, this.options.maxInputCharsPerWord)) return undefined;
    const found: number[] = [];
    let start = 0;
    while (start < piece.length) {
      const prefix = start > 0 ? this.options.continuingSubwordPrefix : "";
      let end = Math.min(piece.length, start + this.#longest - prefix.length);
      let id: number | undefined;
      for (; end > start; end--) {
        if (isInsideCharacter(piece, end)) continue;
        id = this.vocabulary.id(prefix + piece.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return undefined;
      found.push(id);
      start = end;
    }
    return found;
  }
}

function hasMoreCharacters(text: string, count: number): boolean {
  if (text.length <= count) return false;
  if (text.length > 2 * count) return true;
  return Array.from(text).length > count;
}

function isInsideCharacter(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0xdc00 && code <= 0xdfff;
}

function unknownId(vocabulary: MapVocabulary, token: string): number {
  const id = vocabulary.id(token);
  if (id !== undefined) return id;
  throw new TokenizerError(`The text has words that the vocabulary has no token for, nor has it the unknown token ${JSON.stringify(token)}.`, {
    hint: "Leave the words out, or fix unk_token in tokenizer.json.",
  });
}
