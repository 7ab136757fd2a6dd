import { TokenizerError } from "@elastic-attention/core";
import type { TokenBuffer } from "../token-buffer.js";
import type { MapVocabulary } from "./map-vocabulary.js";
import { StepLimit } from "./step-limit.js";
import { TextTrie } from "./text-trie.js";
import type { TokenModel } from "./token-model.js";

/** Every piece is a token or unknown. */
export class WordLevelModel implements TokenModel {
  constructor(
    readonly vocabulary: MapVocabulary,
    private readonly unknownToken: string,
  ) {}

  /** Unknown words have any length. */
  mostUnitsPerToken(): number {
    return Infinity;
  }

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
  readonly #tokens: TextTrie;
  /** Where tokens go on that can stand further inside, behind their prefix. */
  readonly #inside: number;

  constructor(
    readonly vocabulary: MapVocabulary,
    private readonly options: WordPieceOptions,
  ) {
    this.#tokens = new TextTrie(vocabulary.size);
    vocabulary.forEach((token, id) => this.#tokens.add(token, id));
    this.#inside = this.#tokens.nodeOf(options.continuingSubwordPrefix);
  }

  /** Unknown words have any length. */
  mostUnitsPerToken(): number {
    return Infinity;
  }

  encode(piece: string, ids: TokenBuffer): void {
    const found = this.#parts(piece);
    if (found === undefined) ids.push(unknownId(this.vocabulary, this.options.unknownToken));
    else ids.pushAll(found);
  }

  #parts(piece: string): number[] | undefined {
    if (hasMoreCharacters(piece, this.options.maxInputCharsPerWord)) return undefined;
    const found: number[] = [];
    const steps = new StepLimit(piece.length);
    for (let start = 0; start < piece.length; ) {
      let [end, id] = [-1, -1];
      steps.add(this.#tokens.beginnings(piece, start, (place, value) => ([end, id] = [place, value]), start === 0 ? 0 : this.#inside));
      if (end < 0) return undefined;
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

function unknownId(vocabulary: MapVocabulary, token: string): number {
  const id = vocabulary.id(token);
  if (id !== undefined) return id;
  throw new TokenizerError(`The text has words that the vocabulary has no token for, nor has it the unknown token ${JSON.stringify(token)}.`, {
    hint: "Leave the words out, or fix unk_token in tokenizer.json.",
  });
}
