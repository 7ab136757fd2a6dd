import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidRequestError, TokenizerError } from "@elastic-attention/core";
import { findGguf } from "@elastic-attention/transformer";
import { ChatTemplate, type ChatTemplateOptions } from "./chat-template.js";
import { Detokenizer } from "../text/detokenizer.js";
import type { ChatMessage } from "../request/generation-request.js";
import { readGgufTokenizer } from "./gguf/gguf-tokenizer.js";
import { HuggingFaceCodec } from "./huggingface-codec.js";
import type { TokenCodec, TokenizerParts } from "./token-codec.js";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.js";

/** Text to token ids and back, as a model folder's tokenizer.json or a GGUF file says. */
export class Tokenizer {
  readonly #codec: TokenCodec;
  readonly #template: ChatTemplate | undefined;

  /** Ids at which an answer ends, where the tokenizer's own file says so; a folder says it elsewhere. */
  readonly endOfText: readonly number[];

  /** @throws TokenizerError for a tokenizer.json of an unknown kind and for a chat template that cannot be parsed. */
  constructor(source: TokenizerFiles | TokenizerParts) {
    const { config, chatTemplate } = source;
    this.#codec = "codec" in source ? source.codec : new HuggingFaceCodec(source.tokenizer, config);
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

  get hasChatTemplate(): boolean {
    return this.#template !== undefined;
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
   * @throws TokenizerError for text that a vocabulary without an unknown token has no token for (BPE drops such text)
   */
  encode(text: string, options: { readonly addSpecialTokens?: boolean } = {}): Int32Array {
    if (text === "" && options.addSpecialTokens === false) return new Int32Array(0);
    const ids: readonly (number | null | undefined)[] = this.#codec.encode(text, options.addSpecialTokens ?? true);
    if (ids.some((id) => id === undefined || id === null)) {
      throw new TokenizerError("The text has characters that the vocabulary has no token for, and it has no unknown token.", {
        hint: "Leave the characters out, or add unk_token to tokenizer.json.",
      });
    }
    return Int32Array.from(ids as readonly number[]);
  }

  /**
   * Text of token ids; ids outside the vocabulary (padding rows of the embedding table) give nothing. Spaces are never
   * "cleaned up" around punctuation, so that text comes back as it was.
   *
   * @param options.skipSpecialTokens default true.
   */
  decode(ids: Iterable<number>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    const skip = options.skipSpecialTokens ?? true;
    const known = Array.from(ids).filter((id) => this.#codec.token(id) !== undefined && !(skip && this.#codec.specialTokens.has(id)));
    return known.length === 0 ? "" : this.#codec.decode(known);
  }

  /**
   * A stream of text for tokens that come one by one.
   *
   * @param before tokens that the text goes on from (a raw prompt), which decides whether the first word begins with a
   *   space; none for an answer of its own.
   */
  detokenizer(before: ArrayLike<number> = []): Detokenizer {
    const text = (id: number) => !this.#codec.specialTokens.has(id) && this.#codec.token(id) !== undefined;
    return new Detokenizer((ids) => this.decode(ids), text, before);
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
}
