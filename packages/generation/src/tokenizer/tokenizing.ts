import { ElasticAttentionError, TokenizerError } from "@elastic-attention/core";

/** Runs what calls a tokenizer or a detokenizer: an error of theirs becomes one that says where it comes from. @throws TokenizerError */
export function tokenizing<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    if (ElasticAttentionError.isInstance(cause)) throw cause;
    throw new TokenizerError(`The tokenizer failed: ${cause instanceof Error ? cause.message : String(cause)}.`, {
      hint: "Look at the text that it was given; if any text fails, download tokenizer.json again.",
      cause,
    });
  }
}
