const encoder = new TextEncoder();

/** The ids of the tokens `<0x00>` to `<0xFF>`; undefined for a byte that the vocabulary has no token for. */
export type ByteTokens = readonly (number | undefined)[];

export function byteTokens(idOf: (token: string) => number | undefined): ByteTokens {
  return Array.from({ length: 256 }, (_, byte) => idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`));
}

/** The byte tokens of a text, or undefined when one of them is missing. */
export function asByteTokens(text: string, tokens: ByteTokens): number[] | undefined {
  const ids: number[] = [];
  for (const byte of encoder.encode(text)) {
    const id = tokens[byte];
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}
