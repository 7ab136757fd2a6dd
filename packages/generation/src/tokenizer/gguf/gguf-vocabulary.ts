import type { GgufMetadata } from "@elastic-attention/tensor";

/** What a token is, as GGUF numbers it. */
export const tokenKinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Tokens that end an answer in models whose metadata names only one of them. */
const endTokens: ReadonlySet<string> = new Set([
  "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<EOT>",
]);

/** The vocabulary of a GGUF file, whatever kind of tokenizer it is for. */
export interface GgufVocabulary {
  readonly tokens: readonly string[];
  /** Numbers of {@link tokenKinds}, one for each token. */
  readonly kinds: ArrayLike<number>;
  /** Ids by what they are for; undefined where the file names none. */
  readonly begin: number | undefined;
  readonly end: number | undefined;
  readonly unknown: number | undefined;
  readonly padding: number | undefined;
  /** Ids at which an answer ends. */
  readonly endOfText: readonly number[];
}

/** @throws GgufMetadataError for lists of different lengths and for ids that are no token's */
export function readVocabulary(metadata: GgufMetadata): GgufVocabulary {
  const tokens = metadata.strings("tokenizer.ggml.tokens");
  const id = (kind: string): number | undefined => {
    const key = `tokenizer.ggml.${kind}_token_id`;
    const value = metadata.get(key);
    // Older files say "none" with the largest number, or with -1.
    if (value === undefined || value === -1 || value === 2 ** 32 - 1) return undefined;
    if (metadata.count(key) >= tokens.length) throw metadata.error(key, `must be below the ${tokens.length} of the tokens`);
    return metadata.count(key);
  };
  const [begin, end, unknown, padding] = [id("bos"), id("eos"), id("unknown"), id("padding")];
  const ends = [end, id("eot"), id("eom")].filter((each) => each !== undefined);
  const kinds = readKinds(metadata, tokens.length) ?? withoutKinds(tokens.length, [begin, unknown, padding, ...ends]);
  // Where answers end with <|return|>, <|end|> stands between the parts of one.
  const inParts = tokens.includes("<|return|>");
  for (const [index, token] of tokens.entries()) {
    if (kinds[index] === tokenKinds.control && endTokens.has(token) && !(inParts && token === "<|end|>")) ends.push(index);
  }
  return { tokens, kinds, begin, end, unknown, padding, endOfText: [...new Set(ends)] };
}

/** A list with one number for each token. @throws GgufMetadataError */
export function perToken(metadata: GgufMetadata, key: string, tokens: number): Float64Array {
  const values = metadata.numbers(key);
  if (values.length !== tokens) throw metadata.error(key, `must have one number for each of the ${tokens} tokens`);
  return values;
}

function readKinds(metadata: GgufMetadata, tokens: number): ArrayLike<number> | undefined {
  return metadata.has("tokenizer.ggml.token_type") ? perToken(metadata, "tokenizer.ggml.token_type", tokens) : undefined;
}

/** Where a file does not tell, the tokens that it names by what they are for are no text. */
function withoutKinds(tokens: number, control: readonly (number | undefined)[]): ArrayLike<number> {
  const kinds = new Uint8Array(tokens).fill(tokenKinds.normal);
  for (const id of control) if (id !== undefined) kinds[id] = tokenKinds.control;
  return kinds;
}
