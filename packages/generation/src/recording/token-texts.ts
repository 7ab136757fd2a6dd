import type { Tokenizer } from "../tokenizer/tokenizer.js";

/**
 * The text of each token, special tokens as the vocabulary writes them; joined, it is the text of all. A token that ends inside
 * a character has an empty text, and the one that ends the character has all of it.
 */
export function tokenTexts(tokenizer: Tokenizer, ids: ArrayLike<number>): string[] {
  const texts: string[] = [];
  let detokenizer = tokenizer.detokenizer();
  const flush = () => {
    const rest = detokenizer.flush();
    if (texts.length > 0) texts[texts.length - 1] += rest;
  };
  for (const id of Array.from(ids)) {
    if (!tokenizer.isSpecial(id)) {
      texts.push(detokenizer.push(id));
      continue;
    }
    flush();
    texts.push(tokenizer.token(id) ?? "");
    detokenizer = tokenizer.detokenizer();
  }
  flush();
  return texts;
}
