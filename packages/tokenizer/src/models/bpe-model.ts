import { TokenizerError } from "@elastic-attention/core";
import type { TokenBuffer } from "../token-buffer.js";
import { asByteTokens, type ByteTokens, byteTokens } from "./byte-tokens.js";
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

/** Byte pair encoding: the characters of a piece merge pair by pair, the earliest rule first. */
export class BpeModel implements TokenModel {
  readonly #row = new SymbolRow();
  readonly #cache = new Map<string, number | Int32Array>();
  readonly #bytes: ByteTokens | undefined;
  readonly #asciiIds = new Int32Array(128).fill(-1);
  readonly #decorated: boolean;
  readonly #longest: number;

  constructor(
    readonly vocabulary: MapVocabulary,
    private readonly merges: MergeTable,
    private readonly options: BpeOptions,
  ) {
    this.#bytes = options.byteFallback ? byteTokens((token) => vocabulary.id(token)) : undefined;
    this.#longest = Math.max(1, vocabulary.longest());
    this.#decorated = options.continuingSubwordPrefix !== "" || options.endOfWordSuffix !== "";
    for (let code = 0; code < 128; code++) this.#asciiIds[code] = vocabulary.id(String.fromCharCode(code)) ?? -1;
  }

  encode(piece: string, ids: TokenBuffer): void {
    const known = this.#cache.get(piece);
    if (known !== undefined) {
      if (typeof known === "number") ids.push(known);
      else ids.pushAll(known);
      return;
    }
    const whole = this.options.ignoreMerges ? this.vocabulary.id(piece) : undefined;
    if (whole !== undefined) {
      this.#remember(piece, whole);
      ids.push(whole);
      return;
    }
    this.#addSymbols(piece, ids);
    this.#row.merge(this.merges);
    if (piece.length <= longestCachedPiece) {
      const found = this.#row.ids();
      this.#remember(piece, found.length === 1 ? found[0]! : found);
      ids.pushAll(found);
    } else this.#row.appendTo(ids);
    this.#row.clear();
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
    const most = (ids.room + 1) * this.#longest;
    const { fuseUnknown, continuingSubwordPrefix, endOfWordSuffix } = this.options;
    let unknown = -1;
    for (let index = 0; index < piece.length; ) {
      const code = piece.codePointAt(index)!;
      const end = index + (code > 0xffff ? 2 : 1);
      let id: number | undefined;
      let symbol = "";
      if (code < 128 && !this.#decorated) {
        id = this.#asciiIds[code]!;
        if (id < 0) id = undefined;
        if (id === undefined) symbol = String.fromCharCode(code);
      } else {
        symbol = String.fromCodePoint(code);
        if (index > 0) symbol = continuingSubwordPrefix + symbol;
        if (end === piece.length) symbol += endOfWordSuffix;
        id = this.vocabulary.id(symbol);
      }
      index = end;
      if (row.length >= most) ids.refuse();
      if (id !== undefined) {
        if (unknown >= 0) row.add(unknown);
        unknown = -1;
        row.add(id);
        continue;
      }
      const bytes = this.#bytes === undefined ? undefined : asByteTokens(symbol, this.#bytes);
      if (bytes !== undefined) {
        // An unknown token that waits is added behind them, as the reference does.
        for (const byte of bytes) row.add(byte);
      } else if (this.options.unknownToken !== undefined) {
        if (unknown >= 0 && !fuseUnknown) row.add(unknown);
        if (unknown < 0 || !fuseUnknown) unknown = this.#unknownId(this.options.unknownToken);
      }
    }
    if (unknown >= 0) row.add(unknown);
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
