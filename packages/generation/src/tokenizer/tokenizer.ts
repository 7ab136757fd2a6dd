import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidRequestError } from "@elastic-attention/core";
import { type DecodeOptions, type EncodeOptions, TokenizerPipeline } from "@elastic-attention/tokenizer";
import { findGguf, type ModelFiles } from "@elastic-attention/transformer";
import { ChatTemplate, type ChatTemplateOptions } from "./chat-template.js";
import { Detokenizer } from "../text/detokenizer.js";
import type { ChatMessage } from "../request/generation-request.js";
import { ggufTokenizer, readGgufTokenizer } from "./gguf/gguf-tokenizer.js";
import { endOfTurnTokens } from "./end-of-turn.js";
import type { TokenCodec, TokenizerParts } from "./token-codec.js";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.js";

/** Text to token ids and back, as a model folder's tokenizer.json or a GGUF file says. */
export class Tokenizer {
  readonly #codec: TokenCodec;
  readonly #template: ChatTemplate | undefined;
  #endOfTurn: readonly number[] | undefined;

  /** Ids at which an answer ends, where the tokenizer's own file says so; a folder says it elsewhere. */
  readonly endOfText: readonly number[];

  /** @throws TokenizerError for a tokenizer.json that is damaged or cannot be followed exactly, and for a chat template that cannot be parsed. */
  constructor(source: TokenizerFiles | TokenizerParts) {
    const { config, chatTemplate } = source;
    this.#codec = "codec" in source ? source.codec : new TokenizerPipeline(source.tokenizer, config);
    this.endOfText = "codec" in source ? source.endOfText : [];
    this.#template = chatTemplate === undefined ? undefined : new ChatTemplate(chatTemplate, config);
  }

  /**
   * @param path a folder with tokenizer.json, or a GGUF file.
   * @throws TokenizerError when files of the folder are missing or damaged; for a GGUF file the errors of `readGgufTokenizer`
   */
  static load(path: string): Tokenizer {
    const ggufPath = existsSync(join(path, "tokenizer.json")) ? undefined : findGguf(path);
    return new Tokenizer(ggufPath === undefined ? readTokenizerFiles(path) : readGgufTokenizer(ggufPath));
  }

  /** The tokenizer of a model whose files are open. @throws as {@link load} does */
  static ofModel({ directory, ggufMetadata }: Pick<ModelFiles, "directory" | "ggufMetadata">): Tokenizer {
    return new Tokenizer(ggufMetadata === undefined ? readTokenizerFiles(directory) : ggufTokenizer(ggufMetadata));
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined;
  }

  /** Whether the chat template can be told to think or not: the option `thinking`. */
  get hasThinkingSwitch(): boolean {
    return this.#template?.hasThinkingSwitch ?? false;
  }

  /** Ids that the chat template ends an answer with; none without a template. */
  get endOfTurn(): readonly number[] {
    this.#endOfTurn ??= endOfTurnTokens((messages) => this.#rendered(messages), this.#codec);
    return this.#endOfTurn;
  }

  /** The token of an id as it stands in the vocabulary, such as `Ġsea`; undefined for ids outside it. */
  token(id: number): string | undefined {
    return this.#codec.token(id);
  }

  /** Whether an id marks structure (begin of text, end of a turn) rather than text. */
  isSpecial(id: number): boolean {
    return this.#codec.specialTokens.has(id);
  }

  /**
   * Where in a text its last special token begins; -1 when none is written out in it. Special tokens cut a text: what
   * stands before one is tokenized without a look at what follows.
   */
  lastSpecialToken(text: string): number {
    return Math.max(-1, ...[...this.#codec.specialTokens.values()].map((token) => text.lastIndexOf(token)));
  }

  /** The id of a token as it stands in the vocabulary, such as `<|end|>`; undefined when there is none. */
  tokenId(token: string): number | undefined {
    return this.#codec.tokenId(token);
  }

  /**
   * Token ids of a text. Special tokens written out in the text are recognised.
   *
   * @param options.addSpecialTokens whether to put begin-of-text and the like around it, as the model wants for raw
   *   text (default true); a text from a chat template has them already.
   * @param options.limit how many tokens are wanted at most; a text with more is refused as soon as that is known.
   * @throws TokenizerError for text that a vocabulary without an unknown token has no token for (BPE drops such text), and
   *   for more tokens than the limit
   */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    return this.#codec.encode(text, options);
  }

  /**
   * Text of token ids; ids outside the vocabulary (padding rows of the embedding table) give nothing. Spaces are cleaned up
   * around punctuation only where the tokenizer's own decoder does so.
   *
   * @param options.skipSpecialTokens default true.
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const stream = this.#codec.decodeStream(options);
    let text = "";
    for (const id of ids) text += stream.push(id);
    return text + stream.end();
  }

  /**
   * A stream of text for tokens that come one by one.
   *
   * @param before tokens that the text goes on from (a raw prompt), which decides whether the first word begins with a
   *   space; none for an answer of its own.
   * @param options.skipSpecialTokens default true.
   */
  detokenizer(before: ArrayLike<number> = [], options: DecodeOptions = {}): Detokenizer {
    return new Detokenizer(() => this.#codec.decodeStream(options), before);
  }

  /** A conversation as the model reads it, by default up to where the assistant's answer begins. @throws InvalidRequestError */
  applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    if (this.#template === undefined) {
      throw new InvalidRequestError(
        "The model has no chat template.",
        "Send a raw prompt instead of messages, or put a chat_template.jinja into the model's folder.",
      );
    }
    return this.#template.render(messages, options);
  }

  /** Token ids of a conversation. @throws InvalidRequestError */
  encodeChat(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): Int32Array {
    return this.encode(this.applyChatTemplate(messages, options), { addSpecialTokens: false });
  }

  /** A conversation without the opening of an answer; undefined where there is no template, and for what it refuses. */
  #rendered(messages: readonly ChatMessage[]): string | undefined {
    try {
      return this.#template?.render(messages, { addGenerationPrompt: false });
    } catch {
      return undefined;
    }
  }
}
