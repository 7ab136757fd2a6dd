import { TokenizerError } from "@elastic-attention/core";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import type { TokenCodec } from "./token-codec.js";

/** Text to ids and back as a tokenizer.json says. */
export class HuggingFaceCodec implements TokenCodec {
  readonly specialTokens: ReadonlyMap<number, string>;
  readonly #inner: HuggingFaceTokenizer;

  /**
   * @param tokenizer content of tokenizer.json.
   * @param config content of tokenizer_config.json.
   * @throws TokenizerError for a tokenizer.json of an unknown kind
   */
  constructor(tokenizer: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>) {
    try {
      this.#inner = new HuggingFaceTokenizer(tokenizer, config);
    } catch (cause) {
      throw new TokenizerError(`tokenizer.json cannot be used: ${(cause as Error).message}`, {
        hint: "Download it again; byte-level BPE, sentencepiece-like BPE, Unigram and WordPiece are supported.",
        cause,
      });
    }
    const special = [...this.#inner.get_added_tokens_decoder()].filter(([, token]) => token.special);
    this.specialTokens = new Map(special.map(([id, token]) => [id, token.content]));
  }

  encode(text: string, addSpecialTokens: boolean): readonly (number | null | undefined)[] {
    return this.#inner.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  }

  decode(ids: readonly number[]): string {
    return this.#inner.decode([...ids], { clean_up_tokenization_spaces: false });
  }

  tokenId(token: string): number | undefined {
    return this.#inner.token_to_id(token);
  }

  token(id: number): string | undefined {
    return this.#inner.id_to_token(id);
  }
}
