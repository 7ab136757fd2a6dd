import { TokenizerError } from "@elastic-attention/core";

/** A text has more tokens than the caller can use. */
export class TokenLimitError extends TokenizerError {
  static {
    this.register("TokenLimitError");
  }

  /** @param limit how many tokens were wanted at most. */
  constructor(readonly limit: number) {
    super(`The text has more than ${limit} tokens.`, { hint: "Shorten the text." });
  }
}
