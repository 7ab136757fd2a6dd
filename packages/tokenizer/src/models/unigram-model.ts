import { TokenizerError } from "@elastic-attention/core";
import type { TokenBuffer } from "../token-buffer.js";
import { asByteTokens, type ByteTokens, byteTokens } from "./byte-tokens.js";
import { StepLimit } from "./step-limit.js";
import { TextTrie } from "./text-trie.js";
import type { TokenModel, Vocabulary } from "./token-model.js";

/** How much worse an unknown character is than the worst token. */
const unknownPenalty = 10;

export interface UnigramOptions {
  readonly tokens: readonly string[];
  readonly scores: Float64Array;
  readonly unknownId: number | undefined;
  readonly byteFallback: boolean;
}

/** Unigram: of all ways to cut a piece into tokens the one with the best sum of scores. */
export class UnigramModel implements TokenModel {
  readonly vocabulary: Vocabulary;
  readonly #trie: TextTrie;
  readonly #bytes: ByteTokens | undefined;
  readonly #unknownScore: number;

  constructor(private readonly options: UnigramOptions) {
    const { tokens, scores } = options;
    this.#trie = new TextTrie(tokens.length);
    for (let id = 0; id < tokens.length; id++) this.#trie.add(tokens[id]!, id);
    let worst = Infinity;
    for (const score of scores) if (score < worst) worst = score;
    this.#unknownScore = worst - unknownPenalty;
    const empty = tokens.lastIndexOf("");
    const idOf = (token: string): number | undefined => (token === "" && empty >= 0 ? empty : this.#trie.get(token));
    this.vocabulary = { size: tokens.length, id: idOf, token: (id) => tokens[id] };
    this.#bytes = options.byteFallback ? byteTokens(idOf) : undefined;
  }

  mostUnitsPerToken(): number {
    const allBytes = this.#bytes?.every((id) => id !== undefined) ?? false;
    return allBytes ? this.options.tokens.reduce((longest, token) => Math.max(longest, token.length), 1) : Infinity;
  }

  encode(piece: string, ids: TokenBuffer): void {
    for (const [start, end] of this.#bestCut(piece)) {
      const text = piece.slice(start, end);
      const id = this.#trie.get(text);
      const bytes = id === undefined && this.#bytes !== undefined ? asByteTokens(text, this.#bytes) : undefined;
      if (bytes !== undefined) ids.pushAll(bytes);
      else ids.push(id ?? this.#unknownId());
    }
  }

  /** Where the parts begin and end; unknown characters in a row are one part. Of equal sums the one that was found first stays. */
  #bestCut(piece: string): [start: number, end: number][] {
    const size = piece.length;
    const best = new Float64Array(size + 1);
    const startOf = new Int32Array(size + 1).fill(-1);
    const unknown = new Uint8Array(size + 1);
    const offer = (start: number, end: number, score: number, isUnknown: boolean): void => {
      if (startOf[end] !== -1 && !(score > best[end]!)) return;
      best[end] = score;
      startOf[end] = start;
      unknown[end] = isUnknown ? 1 : 0;
    };
    const steps = new StepLimit(size);
    for (let start = 0; start < size; ) {
      const here = best[start]!;
      const next = start + (piece.codePointAt(start)! > 0xffff ? 2 : 1);
      let single = false;
      const looked = this.#trie.beginnings(piece, start, (end, id) => {
        offer(start, end, this.options.scores[id]! + here, id === this.options.unknownId);
        single ||= end === next;
      });
      steps.add(looked);
      if (!single) {
        this.#unknownId();
        offer(start, next, this.#unknownScore + here, true);
      }
      start = next;
    }
    return this.#pathBack(size, startOf, unknown);
  }

  #pathBack(size: number, startOf: Int32Array, unknown: Uint8Array): [start: number, end: number][] {
    const parts: [start: number, end: number][] = [];
    let joining = false;
    for (let end = size; end > 0; ) {
      const start = startOf[end]!;
      const isUnknown = unknown[end] === 1;
      if (isUnknown && joining) parts.at(-1)![0] = start;
      else parts.push([start, end]);
      joining = isUnknown;
      end = start;
    }
    return parts.toReversed();
  }

  #unknownId(): number {
    if (this.options.unknownId !== undefined) return this.options.unknownId;
    throw new TokenizerError("The text has characters that the vocabulary has no token for, and it has no unknown token.", {
      hint: "Leave the characters out, or add unk_id to tokenizer.json.",
    });
  }
}
