import { type Decoder, TokenMapDecoder, type TokenSink } from "./decoder.js";

/** Spaces that English does not put before punctuation and contractions. */
export function withoutExtraSpaces(text: string): string {
  return text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

/** A space before every token that does not go on with the word before. */
export function wordPieceDecoder(prefix: string, cleanup: boolean): TokenMapDecoder {
  return new TokenMapDecoder((token, index) => {
    const text = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    return cleanup ? withoutExtraSpaces(text) : text;
  });
}

/** The character that stands for a space; in the first token it goes where it may have been put in front. */
export function metaspaceDecoder(replacement: string, prepended: boolean): TokenMapDecoder {
  return new TokenMapDecoder((token, index) => token.replaceAll(replacement, index === 0 && prepended ? "" : " "));
}

/** Tokens that repeat are one, and padding is nothing. */
export class CtcDecoder implements Decoder {
  readonly needsWhole = true;
  readonly givesWhole = true;

  constructor(
    private readonly padding: string,
    private readonly wordDelimiter: string,
    private readonly cleanup: boolean,
  ) {}

  open(next: TokenSink): TokenSink {
    let last: string | undefined;
    const step = new TokenMapDecoder((token) => {
      if (token === last) return undefined;
      last = token;
      let text = token.replaceAll(this.padding, "");
      if (this.cleanup) text = withoutExtraSpaces(text).replaceAll(this.wordDelimiter, " ");
      return text === "" ? undefined : text;
    });
    return step.open(next);
  }
}
