import { TokenizerError } from "@elastic-attention/core";
import type { TokenBuffer } from "../token-buffer.js";
import { byteCharacters } from "../unicode/byte-characters.js";
import { asByteTokens, type ByteTokens, byteTokens } from "./byte-tokens.js";
import { CharacterPairs } from "./character-pairs.js";
import type { MapVocabulary } from "./map-vocabulary.js";
import type { MergeTable } from "./merge-table.js";
import { SymbolRow } from "./symbol-row.js";
import type { TokenModel } from "./token-model.js";

export interface BpeOptions {
  readonly unknownToken: string | undefined;
  /** Stands in front of every character of a piece but the first. */
  readonly continuingSubwordPrefix: string;
  /** Stands behind the last character of a piece. */
  readonly endOfWordSuffix: string;
  /** Whether unknown characters in a row are one unknown token. */
  readonly fuseUnknown: boolean;
  /** Whether unknown characters become tokens of their bytes. */
  readonly byteFallback: boolean;
  /** Whether a piece that is a token as a whole is taken without merging. */
  readonly ignoreMerges: boolean;
}

const cachedPieces = 20_000;
const longestCachedPiece = 256;
/** Pieces longer than this are cut where no merge can cross. */
const longestUncutPiece = 32;

/** Byte pair encoding: the characters of a piece merge pair by pair, the earliest rule first. */
export class BpeModel implements TokenModel {
  readonly #row = new SymbolRow();
  readonly #cache = new Map<string, number | Int32Array>();
  readonly #bytes: ByteTokens | undefined;
  /** Ids of tokens of one UTF-16 unit, by the unit; -1 where there is none. */
  readonly #characterIds = new Int32Array(0x1_0000).fill(-1);
  readonly #decorated: boolean;
  #pairs: CharacterPairs | undefined;

  constructor(
    readonly vocabulary: MapVocabulary,
    private readonly merges: MergeTable,
    private readonly options: BpeOptions,
  ) {
    this.#bytes = options.byteFallback ? byteTokens((token) => vocabulary.id(token)) : undefined;
    this.#decorated = options.continuingSubwordPrefix !== "" || options.endOfWordSuffix !== "";
    vocabulary.forEach((token, id) => {
      if (token.length === 1) this.#characterIds[token.charCodeAt(0)] = id;
    });
  }

  mostUnitsPerToken(ofBytes: boolean): number {
    const { unknownToken, fuseUnknown } = this.options;
    const known = ofBytes && !this.#decorated && byteCharacters.every((character) => this.#characterIds[character.charCodeAt(0)] !== -1);
    const allBytes = this.#bytes?.every((id) => id !== undefined) ?? false;
    const everyCharacterCounts = known || allBytes || (unknownToken !== undefined && !fuseUnknown);
    // A character outside the basic plane has two units.
    return everyCharacterCounts ? Math.max(2, this.vocabulary.longest) : Infinity;
  }

  encode(piece: string, ids: TokenBuffer): void {
    if (this.#encodeCached(piece, ids)) return;
    if (this.options.ignoreMerges) {
      const whole = this.vocabulary.id(piece);
      if (whole !== undefined) {
        this.#remember(piece, whole);
        ids.push(whole);
        return;
      }
    } else if (piece.length > longestUncutPiece && !this.#decorated) {
      this.#encodeCut(piece, ids);
      return;
    }
    this.#encodeWhole(piece, ids);
  }

  #encodeCached(piece: string, ids: TokenBuffer): boolean {
    const known = this.#cache.get(piece);
    if (known === undefined) return false;
    if (typeof known === "number") ids.push(known);
    else ids.pushAll(known);
    return true;
  }

  /** Encodes the parts of a piece that no merge can join, one by one. */
  #encodeCut(piece: string, ids: TokenBuffer): void {
    const pairs = (this.#pairs ??= this.#readPairs());
    const characters = this.#characterIds;
    let start = 0;
    let before = piece.charCodeAt(0);
    for (let index = 1; index <= piece.length; index++) {
      const code = piece.charCodeAt(index);
      // Unknown characters are left together: what becomes of one depends on its neighbours.
      const cut = index === piece.length || (!pairs.mayHave(before, code) && characters[before] !== -1 && characters[code] !== -1);
      if (cut) {
        const part = piece.slice(start, index);
        if (!this.#encodeCached(part, ids)) this.#encodeWhole(part, ids);
        start = index;
      }
      before = code;
    }
  }

  #encodeWhole(piece: string, ids: TokenBuffer): void {
    this.#addSymbols(piece, ids);
    this.#row.merge(this.merges);
    if (piece.length <= longestCachedPiece) {
      const found = this.#row.ids();
      this.#remember(piece, found.length === 1 ? found[0]! : found);
      ids.pushAll(found);
    } else this.#row.appendTo(ids);
    this.#row.clear();
  }

  #readPairs(): CharacterPairs {
    const pairs = new CharacterPairs();
    this.vocabulary.forEach((token) => pairs.add(token));
    return pairs;
  }

  #remember(piece: string, ids: number | Int32Array): void {
    if (piece.length > longestCachedPiece) return;
    if (this.#cache.size >= cachedPieces) this.#cache.clear();
    // A slice would keep the whole text in memory.
    this.#cache.set(ownCopy(piece), ids);
  }

  #addSymbols(piece: string, ids: TokenBuffer): void {
    const row = this.#row;
    row.clear();
    // No token has more symbols than characters: a piece of too many tokens is known before it is merged.
    const most = (ids.room + 1) * Math.max(1, this.vocabulary.longest);
    const { fuseUnknown } = this.options;
    let unknown = -1;
    for (let index = 0; index < piece.length; ) {
      const code = piece.codePointAt(index)!;
      const end = index + (code > 0xffff ? 2 : 1);
      const id = this.#symbolId(piece, code, index, end);
      if (row.length >= most) ids.refuse();
      if (id >= 0) {
        if (unknown >= 0) row.add(unknown);
        unknown = -1;
        row.add(id);
      } else {
        const bytes = this.#bytes === undefined ? undefined : asByteTokens(this.#symbol(piece, index, end), this.#bytes);
        if (bytes !== undefined) {
          // An unknown token that waits is added behind them, as the reference does.
          for (const byte of bytes) row.add(byte);
        } else if (this.options.unknownToken !== undefined) {
          if (unknown >= 0 && !fuseUnknown) row.add(unknown);
          if (unknown < 0 || !fuseUnknown) unknown = this.#unknownId(this.options.unknownToken);
        }
      }
      index = end;
    }
    if (unknown >= 0) row.add(unknown);
  }

  #symbolId(piece: string, code: number, start: number, end: number): number {
    if (code <= 0xffff && !this.#decorated) return this.#characterIds[code]!;
    return this.vocabulary.id(this.#symbol(piece, start, end)) ?? -1;
  }

  /** A character as the vocabulary has it at its place. */
  #symbol(piece: string, start: number, end: number): string {
    const { continuingSubwordPrefix, endOfWordSuffix } = this.options;
    return (start > 0 ? continuingSubwordPrefix : "") + piece.slice(start, end) + (end === piece.length ? endOfWordSuffix : "");
  }

  #unknownId(token: string): number {
    const id = this.vocabulary.id(token);
    if (id !== undefined) return id;
    throw new TokenizerError(`The text has characters that the vocabulary has no token for, nor has it the unknown token ${JSON.stringify(token)}.`, {
      hint: "Leave the characters out, or fix unk_token in tokenizer.json.",
    });
  }
}

/** A string with characters of its own. */
function ownCopy(piece: string): string {
  return piece.length < 13 ? piece : Buffer.from(piece, "utf16le").toString("utf16le");
}
