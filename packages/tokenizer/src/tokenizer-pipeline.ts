import { AddedVocabulary } from "./added-tokens/added-vocabulary.js";
import { readAddedToken } from "./added-tokens/added-token.js";
import { readConfigTokens } from "./added-tokens/config-tokens.js";
import type { TokenFinder } from "./added-tokens/token-finder.js";
import { DecodeStream } from "./decoders/decode-stream.js";
import type { Decoder } from "./decoders/decoder.js";
import { readDecoder, spacedWords } from "./decoders/read-decoder.js";
import { Description } from "./description/description.js";
import { readModel } from "./models/read-model.js";
import type { TokenModel } from "./models/token-model.js";
import type { Normalizer, Origin } from "./normalizers/normalizer.js";
import { readNormalizer } from "./normalizers/read-normalizer.js";
import { frameByConfig } from "./post-processors/frame-by-config.js";
import { withinSearchTime } from "./pattern/time-limit.js";
import { type Frame, noFrame, readPostProcessor } from "./post-processors/read-post-processor.js";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.js";
import { readPreTokenizer } from "./pre-tokenizers/read-pre-tokenizer.js";
import { TokenBuffer } from "./token-buffer.js";

export interface EncodeOptions {
  /** Whether to put begin-of-text and the like around the text (default true). */
  readonly addSpecialTokens?: boolean;
  /** How many tokens are wanted at most. A text with more is refused as soon as that is known, not when all is done. */
  readonly limit?: number;
}

export interface DecodeOptions {
  /** Whether special tokens give no text (default true). */
  readonly skipSpecialTokens?: boolean;
}

/** Text to token ids and back as a tokenizer.json says, with the ids of the Rust library `tokenizers`. */
export class TokenizerPipeline {
  /** Tokens that mark structure rather than text, by id. */
  readonly specialTokens: ReadonlyMap<number, string>;
  readonly #model: TokenModel;
  readonly #added: AddedVocabulary;
  readonly #normalizer: Normalizer | undefined;
  readonly #preTokenizer: PreTokenizer | undefined;
  readonly #frame: Frame;
  readonly #decoder: Decoder;
  readonly #finders: { readonly plain: TokenFinder; readonly normalized: TokenFinder };
  /** How many units of a normalized text one token can stand for; Infinity where that is not known. */
  readonly #mostUnitsPerToken: number;

  /**
   * @param tokenizer content of tokenizer.json. Its `truncation` and `padding` do not count: they are a request's matter.
   * @param config content of tokenizer_config.json, with what special_tokens_map.json says laid over it: the tokens that
   *   only these name, `add_bos_token` and `add_eos_token`.
   * @throws TokenizerError for damaged content, and for parts that cannot be followed exactly, by name
   */
  constructor(tokenizer: unknown, config: unknown = {}) {
    const root = new Description(tokenizer, "");
    const settings = new Description(config, "tokenizer_config.json");
    const part = <T>(name: string, read: (part: Description) => T): T | undefined => {
      return root.has(name) ? read(new Description(root.value(name), name)) : undefined;
    };
    const model = part("model", readModel);
    if (model === undefined) throw root.wrong("model", "is missing");
    this.#model = model;
    this.#normalizer = part("normalizer", readNormalizer);
    this.#preTokenizer = part("pre_tokenizer", readPreTokenizer);
    this.#decoder = part("decoder", readDecoder) ?? spacedWords;
    this.#added = new AddedVocabulary(model.vocabulary);
    if (root.has("added_tokens")) this.#added.add(root.objects("added_tokens").map((token) => readAddedToken(token)));
    this.#added.add(readConfigTokens(settings, (content) => this.#added.has(content)));
    this.#finders = this.#added.finders((text) => this.#normalizer?.normalize(text, { atStart: true }) ?? text);
    this.#mostUnitsPerToken = Math.max(this.#finders.normalized.mostUnitsPerToken, this.#mostUnitsOfModel());
    this.#frame = frameByConfig(part("post_processor", readPostProcessor) ?? noFrame, settings, (token) => this.tokenId(token));
    this.specialTokens = this.#added.specialTokens();
  }

  /** The id of a token as it stands in the vocabulary; undefined when there is none. */
  tokenId(token: string): number | undefined {
    return this.#added.id(token);
  }

  /** The token of an id as it stands in the vocabulary; undefined for ids outside it. */
  token(id: number): string | undefined {
    return this.#added.token(id);
  }

  /**
   * Token ids of a text. Special tokens written out in it are recognised; half characters (lone surrogates) become U+FFFD.
   * @throws TokenLimitError for more tokens than `limit`; TokenizerError for text that the vocabulary has no token for, and
   *   for a pattern that runs away on the text
   */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const { limit = Infinity } = options;
    const ids = new TokenBuffer(limit);
    const framed = options.addSpecialTokens ?? true;
    if (framed) ids.pushAll(this.#frame.before);
    withinSearchTime(text.length, () => this.#encodeText(text.toWellFormed(), ids));
    if (framed) ids.pushAll(this.#frame.after);
    return ids.ids();
  }

  /** Text of token ids; ids outside the vocabulary give nothing. Spaces are not cleaned up beyond what the decoder does. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const stream = this.decodeStream(options);
    let text = "";
    for (const id of ids) text += stream.push(id);
    return text + stream.end();
  }

  /** Text of tokens that come one by one: the sum of the pieces is what `decode` gives. */
  decodeStream(options: DecodeOptions = {}): DecodeStream {
    const skip = options.skipSpecialTokens ?? true;
    return new DecodeStream(this.#decoder, (id) => {
      const token = this.token(id);
      return token === undefined || (skip && this.#added.isSpecial(token)) ? undefined : token;
    });
  }

  #mostUnitsOfModel(): number {
    const { keepsText = true, givesBytes = false } = this.#preTokenizer ?? {};
    return keepsText ? this.#model.mostUnitsPerToken(givesBytes) : Infinity;
  }

  #encodeText(text: string, ids: TokenBuffer): void {
    this.#finders.plain.find(text, {
      text: (start, end) => this.#encodeSegment(text.slice(start, end), start === 0, ids),
      token: (id) => ids.push(id),
    });
  }

  /** What stands between tokens that are sought in the text as it is. */
  #encodeSegment(segment: string, atStart: boolean, ids: TokenBuffer): void {
    const origin: Origin = { atStart };
    const text = this.#normalizer?.normalize(segment, origin) ?? segment;
    // Of a text that is far too long nothing need be cut or looked up.
    if (text.length > ids.room * this.#mostUnitsPerToken) ids.refuse();
    this.#finders.normalized.find(text, {
      text: (start, end) => this.#encodePlain(text.slice(start, end), origin.atStart && start === 0, ids),
      token: (id) => ids.push(id),
    });
  }

  #encodePlain(text: string, atStart: boolean, ids: TokenBuffer): void {
    const encode = (piece: string): void => {
      if (piece !== "") this.#model.encode(piece, ids);
    };
    if (this.#preTokenizer === undefined) encode(text);
    else this.#preTokenizer.split(text, atStart, encode);
  }
}
