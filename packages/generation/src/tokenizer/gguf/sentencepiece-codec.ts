import { TokenizerError } from "@elastic-attention/core";
import type { GgufMetadata } from "@elastic-attention/tensor";
import { type DecodeOptions, type EncodeOptions, TokenLimitError } from "@elastic-attention/tokenizer";
import type { TokenCodec, TokenTextStream } from "../token-codec.js";
import { type GgufVocabulary, perToken, tokenKinds } from "./gguf-vocabulary.js";
import { SentencepieceMerger } from "./sentencepiece-merges.js";
import { SpecialTokenSplitter } from "./special-token-splitter.js";

/** What stands for a space in a piece. */
const visibleSpace = "\u2581";
const longestCachedWord = 64;
const cachedWords = 20_000;
const spaceBehindWord = /[^\u2581]\u2581/u;

/** Text to ids and back with a sentencepiece BPE vocabulary (`tokenizer.ggml.model` "llama"). */
export class SentencepieceCodec implements TokenCodec {
  readonly specialTokens: ReadonlyMap<number, string>;
  readonly #vocabulary: GgufVocabulary;
  /** Every token by its text. */
  readonly #ids = new Map<string, number>();
  /** The tokens that characters may be merged to. */
  readonly #pieces = new Map<string, { readonly id: number; readonly score: number }>();
  readonly #merger: SentencepieceMerger;
  readonly #cache = new Map<string, readonly string[]>();
  /** How many units of a text one token can stand for; Infinity where a run of characters is one unknown token. */
  readonly #mostUnitsPerToken: number;
  /** Whether no piece has a space behind something else, so that no merge crosses from word to word. */
  readonly #wordsAreApart: boolean;
  readonly #byteIds: readonly (number | undefined)[];
  readonly #splitter: SpecialTokenSplitter;
  readonly #spaceInFront: boolean;
  readonly #begin: number | undefined;
  readonly #end: number | undefined;
  /** The bytes of byte tokens, by id. */
  readonly #bytes = new Map<number, number>();

  /** @throws GgufMetadataError */
  constructor(metadata: GgufMetadata, vocabulary: GgufVocabulary) {
    refuseNormalization(metadata);
    const { tokens, kinds, begin, end } = vocabulary;
    this.#vocabulary = vocabulary;
    this.#spaceInFront = metadata.boolean("tokenizer.ggml.add_space_prefix", true);
    this.#begin = metadata.boolean("tokenizer.ggml.add_bos_token", true) ? begin : undefined;
    this.#end = metadata.boolean("tokenizer.ggml.add_eos_token", false) ? end : undefined;
    const scores = perToken(metadata, "tokenizer.ggml.scores", tokens.length);
    const [special, written] = [new Map<number, string>(), new Map<number, string>()];
    const byteIds: (number | undefined)[] = Array.from({ length: 256 }, () => undefined);
    for (const [id, token] of tokens.entries()) {
      this.#ids.set(token, id);
      switch (kinds[id]) {
        case tokenKinds.unknown:
        case tokenKinds.control:
          special.set(id, token);
          written.set(id, token);
          break;
        case tokenKinds.byte: {
          const byte = Number(/^<(0x[0-9A-Fa-f]{2})>$/.exec(token)?.[1]);
          if (Number.isNaN(byte)) throw metadata.error("tokenizer.ggml.tokens", `must name a byte, such as <0x0A>, at ${id}, and has ${JSON.stringify(token.slice(0, 100))} there`);
          byteIds[byte] = id;
          this.#bytes.set(id, byte);
          break;
        }
        case tokenKinds.userDefined:
          written.set(id, token);
          this.#pieces.set(token, { id, score: scores[id]! });
          break;
        default:
          this.#pieces.set(token, { id, score: scores[id]! });
      }
    }
    this.#wordsAreApart = ![...this.#pieces.keys()].some((piece) => spaceBehindWord.test(piece));
    this.specialTokens = special;
    this.#byteIds = byteIds;
    this.#merger = new SentencepieceMerger(new Map(Array.from(this.#pieces, ([piece, { score }]) => [piece, score])));
    const longest = [...this.#pieces.keys()].reduce((most, { length }) => Math.max(most, length), 1);
    this.#mostUnitsPerToken = byteIds.every((id) => id !== undefined) ? longest : Infinity;
    this.#splitter = new SpecialTokenSplitter(written);
  }

  encode(text: string, { addSpecialTokens = true, limit = Infinity }: EncodeOptions = {}): Int32Array {
    const ids: (number | undefined)[] = [];
    const within = (units = 0): void => {
      if (ids.length > limit || units > (limit - ids.length) * this.#mostUnitsPerToken) throw new TokenLimitError(limit);
    };
    if (addSpecialTokens && this.#begin !== undefined) ids.push(this.#begin);
    for (const part of this.#splitter.split(text.toWellFormed())) {
      if (typeof part === "number") ids.push(part);
      else this.#encodePart(part, ids, within);
      within();
    }
    if (addSpecialTokens && this.#end !== undefined) ids.push(this.#end);
    within();
    if (ids.includes(undefined)) {
      throw new TokenizerError("The text has characters that the vocabulary has no token for, and it has no unknown token.", {
        hint: "Leave the characters out, or take a model whose vocabulary has bytes.",
      });
    }
    return Int32Array.from(ids as readonly number[]);
  }

  decodeStream({ skipSpecialTokens = true }: DecodeOptions = {}): TokenTextStream {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let first = true;
    return {
      push: (id) => {
        if (this.token(id) === undefined || (skipSpecialTokens && this.specialTokens.has(id))) return "";
        const bytes = this.#piece(id, first);
        first = false;
        return decoder.decode(bytes, { stream: true });
      },
      end: () => decoder.decode(),
    };
  }

  tokenId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  token(id: number): string | undefined {
    return this.#vocabulary.tokens[id];
  }

  /** A text at the beginning or behind a special token, which both have a space put in front where the file asks for one. */
  #encodePart(text: string, ids: (number | undefined)[], within: (units?: number) => void): void {
    const spaced = (this.#spaceInFront ? ` ${text}` : text).replaceAll(" ", visibleSpace);
    within(spaced.length);
    /** A run of unknown characters is one unknown token. */
    let afterUnknown = false;
    for (const piece of this.#mergedPieces(spaced)) {
      within();
      const known = this.#pieces.get(piece);
      if (known !== undefined) {
        ids.push(known.id);
        afterUnknown = false;
        continue;
      }
      const bytes = Array.from(Buffer.from(piece), (byte) => this.#byteIds[byte]);
      if (bytes.every((id) => id !== undefined)) {
        ids.push(...bytes);
        afterUnknown = false;
      } else {
        if (!afterUnknown) ids.push(this.#vocabulary.unknown);
        afterUnknown = true;
      }
    }
  }

  /** Merges word by word where no piece goes on behind a word: a text that is far too long is refused before all of it is merged. */
  *#mergedPieces(text: string): Generator<string> {
    if (!this.#wordsAreApart) {
      yield* this.#merger.cut(text);
      return;
    }
    for (let start = 0; start < text.length; ) {
      let end = start + 1;
      while (end < text.length && (text[end] !== visibleSpace || text[end - 1] === visibleSpace)) end++;
      yield* this.#wordPieces(text.slice(start, end));
      start = end;
    }
  }

  #wordPieces(word: string): readonly string[] {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const pieces = this.#merger.cut(word);
    if (word.length > longestCachedWord) return pieces;
    if (this.#cache.size >= cachedWords) this.#cache.clear();
    this.#cache.set(word, pieces);
    return pieces;
  }

  #piece(id: number, first: boolean): Uint8Array {
    const byte = this.#bytes.get(id);
    if (byte !== undefined) return Uint8Array.of(byte);
    const token = this.#vocabulary.tokens[id] ?? "";
    if (this.specialTokens.has(id)) return Buffer.from(token);
    const text = token.replaceAll(visibleSpace, " ");
    return Buffer.from(first && this.#spaceInFront && text.startsWith(" ") ? text.slice(1) : text);
  }
}

/** Texts that are changed before they are cut need more than this vocabulary says. */
function refuseNormalization(metadata: GgufMetadata): void {
  const charsmap = "tokenizer.ggml.precompiled_charsmap";
  if ((metadata.arrayLength(charsmap) ?? 0) > 0) throw metadata.error(charsmap, "is not supported");
  const extraSpaces = "tokenizer.ggml.remove_extra_whitespaces";
  if (metadata.boolean(extraSpaces, false)) throw metadata.error(extraSpaces, "must be false");
}
