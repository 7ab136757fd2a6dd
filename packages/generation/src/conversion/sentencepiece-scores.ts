/**
 * Scores under which sentencepiece merges as a list of merges does: a token's is the place of the first merge that makes it,
 * counted downwards. What no merge makes is below all others.
 */
export function sentencepieceScores(tokens: readonly string[], merges: readonly string[]): Float32Array {
  const places = new Map<string, number>();
  for (const [place, merge] of merges.entries()) {
    const made = merge.replace(" ", "");
    if (!places.has(made)) places.set(made, place);
  }
  return Float32Array.from(tokens, (token) => -(places.get(token) ?? merges.length));
}

/**
 * The merges of a vocabulary with scores, those of the highest score first: every way to make a token of two others.
 * @param mergeable whether characters may be merged to a token
 */
export function sentencepieceMerges(tokens: readonly string[], scores: ArrayLike<number>, mergeable: (id: number) => boolean): [string, string][] {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (mergeable(id)) ids.set(token, id);
  const merges: { readonly pair: [string, string]; readonly score: number; readonly order: number }[] = [];
  for (const [token, id] of ids) {
    const characters = Array.from(token);
    for (let cut = 1; cut < characters.length; cut++) {
      const pair: [string, string] = [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
      const [left, right] = pair.map((part) => ids.get(part));
      if (left !== undefined && right !== undefined) merges.push({ pair, score: scores[id]!, order: left * tokens.length + right });
    }
  }
  return merges.sort((a, b) => b.score - a.score || a.order - b.order).map(({ pair }) => pair);
}
